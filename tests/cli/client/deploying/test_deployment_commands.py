"""The commands about deployments that are there: they are told, and put back, up and down."""

import pytest
from anyio import to_thread
from tests.acceptance.gates import Gate
from tests.acceptance.people import Json
from tests.cli.client.deploying.shells import PAGE, Shell, Site

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def site(shell: Shell) -> Site:
    """A project that has served one thing and serves another."""
    site = await shell.site("shop")
    first = await shell.person.deploy(site.project)
    await to_thread.run_sync(site.upstream.commit, "Say more", {"index.html": "More."})
    await shell.person.deploy(site.project)
    await shell.person.until(first, lambda seen: seen["status"] == "stopped")
    return site


async def _all(shell: Shell, site: Site) -> list[Json]:
    """Return the deployments of a project, the newest first."""
    page = await shell.person.ask("GET", f"/deployments?project_id={site.project['id']}")
    return list(page["data"])


async def test_a_project_is_told_at_a_glance(shell: Shell, site: Site) -> None:
    """What it serves, where, how it does, and what was deployed last."""
    newest, *_ = deployments = await _all(shell, site)

    shown = (await shell.run("status", at=site.clone.path)).output
    told = await shell.json("status", at=site.clone.path)

    fields = dict(line.split(maxsplit=1) for line in shown.splitlines()[:4])
    assert {
        "Project": f"shop ({site.project['slug']})",
        "Status": "active",
        "Health": "It runs.",
        "Addresses": site.project["url"],
    } == fields
    assert f"{newest['id'][:8]} {newest['commit_sha'][:7]} Say more since " in shown
    assert (newest, [], deployments, []) == (
        told["serving"],
        told["under_way"],
        told["recent"],
        told["domains"],
    )


async def test_what_runs_is_listed(shell: Shell, site: Site) -> None:
    """Production, with its replicas and its address; as the API's objects for programs."""
    newest, *_ = await _all(shell, site)

    heading, row = (await shell.run("ps", at=site.clone.path)).output.splitlines()
    told = await shell.json("ps", at=site.clone.path)

    assert heading.split()[:4] == ["ID", "TARGET", "STATUS", "REPLICAS"]
    assert row.split()[:4] == [newest["id"][:8], "production", "running", "1"]
    assert site.project["url"] in row
    assert {"data": [newest]} == told


async def test_deployments_are_listed_and_shown(shell: Shell, site: Site) -> None:
    """Also by the beginning of an id; the JSON of each is the API's own."""
    newest, oldest = deployments = await _all(shell, site)

    bare = (await shell.run("deployments", at=site.clone.path)).output.splitlines()
    listed = await shell.json("deployments", "--status", "stopped", "--project", "shop")
    shown = await shell.json("deployments", "show", oldest["id"][:8], at=site.clone.path)
    fields = (await shell.run("deployments", "show", at=site.clone.path)).output
    steps = await shell.json("deployments", "events", newest["id"])

    assert [each["id"][:8] for each in deployments] == [line.split()[0] for line in bare[1:]]
    assert ([oldest], oldest) == (listed["data"], shown)
    assert newest["id"] in fields
    assert await shell.person.timeline(newest) == steps["data"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("deployments", "show", "ffffffff"), 'No id of a deployment begins with "ffffffff"'),
        (("cancel",), "No deployment of shop is in work."),
        (
            ("promote", "nowhere"),
            'No preview of a branch "nowhere" runs. No id of a deployment begins with "nowhere"',
        ),
        (("start",), "The project is not stopped."),
    ],
)
async def test_what_cannot_be_done_is_said(
    shell: Shell, site: Site, words: tuple[str, ...], sentence: str
) -> None:
    """With a sentence on the error stream, and exit code 1."""
    refused = await shell.run(*words, at=site.clone.path, code=1)

    assert "" == refused.output
    assert sentence in refused.errors


async def test_wrong_usage_is_told_from_a_refusal(shell: Shell, site: Site) -> None:
    """By exit code 2, and nothing is deployed."""
    before = await _all(shell, site)

    words = ("deploy", "--preview", "--target", "production")
    refused = await shell.run(*words, at=site.clone.path, code=2)

    assert "--preview and --target exclude each other." in refused.errors
    assert before == await _all(shell, site)


async def test_production_is_put_back_and_forth(shell: Shell, site: Site) -> None:
    """To what was served before, to what is named, and to the env vars of today."""
    newest, oldest = await _all(shell, site)

    back = await shell.run("rollback", at=site.clone.path)
    forth = await shell.run("rollback", newest["id"][:8], at=site.clone.path)
    again = await shell.run("redeploy", at=site.clone.path)

    told = [(each["kind"], each["source_deployment_id"]) for each in await _all(shell, site)]
    rolled_back = (await _all(shell, site))[1]["id"]
    assert f"Back to {oldest['id'][:8]} of " in back.errors
    assert [("redeploy", rolled_back), ("rollback", newest["id"]), ("rollback", oldest["id"])] == (
        told[:3]
    )
    assert {f"{site.project['url']}\n"} == {back.output, forth.output, again.output}


async def test_production_is_restarted_stopped_and_started(shell: Shell, site: Site) -> None:
    """Each by one word; what is stopped is said to be, with what starts it."""
    restarted = await shell.json("restart", at=site.clone.path)
    timeline = await shell.person.timeline(restarted)

    stopped = await shell.run("stop", at=site.clone.path)
    for each in await _all(shell, site):
        await shell.person.until(each, lambda seen: seen["status"] == "stopped")
    status = await shell.run("status", at=site.clone.path)
    nothing = await shell.run("ps", at=site.clone.path)
    started = await shell.run("start", at=site.clone.path)

    assert "A restart was asked for" == timeline[-1]["cause"]
    assert f"{restarted['id'][:8]} is being stopped.\n" == stopped.output
    assert "It is stopped. Start it: pushpaka start" in status.output
    assert "Nothing runs." in nothing.errors
    assert f"{site.project['url']}\n" == started.output


async def test_a_preview_is_promoted_by_its_branch(shell: Shell) -> None:
    """It is deployed from the folder that is on it, and told at an address of its own."""
    site = await shell.site("previewed")
    await to_thread.run_sync(site.clone.git, "checkout", "--quiet", "-b", "login")
    await to_thread.run_sync(site.clone.git, "push", "--quiet", "origin", "login")

    refused = await shell.run("deploy", at=site.clone.path, code=1)
    seen = await shell.run("deploy", "--preview", at=site.clone.path)
    promoted = await shell.run("promote", "login", at=site.clone.path)

    production, preview = await _all(shell, site)
    assert "by --preview" in refused.errors
    assert (f"{preview['url']}\n", "preview:login") == (seen.output, preview["target"])
    assert (f"{site.project['url']}\n", "promote") == (promoted.output, production["kind"])


async def test_what_is_in_work_is_told_and_cancelled_by_its_id(shell: Shell) -> None:
    """Where several are, nobody guesses which one is meant."""
    gate = Gate(shell.served.new_directory() / "gate")
    site = await shell.site("busy", PAGE, build_command=gate.command)
    first = await shell.person.begin(site.project)
    second = await shell.person.begin(site.project, target="preview:main")

    status = await shell.run("status", at=site.clone.path)
    refused = await shell.run("cancel", at=site.clone.path, code=1)
    for deployment in (first, second):
        await shell.run("cancel", deployment["id"][:8], at=site.clone.path)

    assert "Several deployments are in work: " in refused.errors
    for deployment in (first, second):
        assert f"{deployment['id'][:8]} to {deployment['target']}: " in status.output
        assert "cancelled" == (await shell.person.outcome(deployment))["status"]
