"""Tests the commands that show, replace, stop and start deployments."""

import re

import pytest
from tests.cli.commands.machines import Machine, Server, Shop


@pytest.fixture
def shop(ann: Machine, server: Server) -> Shop:
    """Return a project whose second commit has replaced the first."""
    shop = Shop.create(server, ann, ann.folder.name.replace("_", "-"))
    shop.machine.run("deploy")
    shop.commit("Say more")
    shop.machine.run("deploy")
    server.clock.advance(31)  # The end of the rollback window, in which the first one still runs.
    shop.wait_until("stopped", number=1)
    return shop


def test_a_project_and_its_deployments_are_shown(shop: Shop) -> None:
    """Deployments can be named by a prefix of their id. `--json` prints the objects of the API."""
    newest, oldest = deployments = shop.deployments()

    status = shop.machine.run("status").stdout
    overview = shop.machine.json("status")
    bare = shop.machine.run("deployments").stdout.splitlines()
    listed = shop.machine.json("deployments", "--status", "stopped", "--project", shop.id)
    shown = shop.machine.json("deployments", "show", oldest["id"][:8])
    fields = shop.machine.run("deployments", "show").stdout
    steps = shop.machine.json("deployments", "events", newest["id"])
    heading, row = shop.machine.run("ps").stdout.splitlines()

    first, *details = status.splitlines()
    assert f"{shop.name} is running." == first
    assert f"URL          {shop.url}" == details[0]
    version = f"{newest['commit_sha'][:7]} Say more ({newest['id'][:8]}) deployed "
    assert re.fullmatch(rf"Version      {re.escape(version)}(just now|\d+ \w+ ago)", details[1])
    assert ["In progress  -", "Instances    1"] == details[2:4]
    assert all(re.search("just now| ago", line) for line in (*details[-2:], *bare[1:]))
    assert [newest, [], deployments, []] == [
        overview[name] for name in ("active_deployment", "in_progress", "recent", "domains")
    ]
    assert [each["id"][:8] for each in deployments] == [line.split()[0] for line in bare[1:]]
    assert ([oldest], oldest) == (listed["data"], shown)
    assert newest["id"] in fields
    assert shop.timeline(newest["id"]) == steps["data"]
    assert heading.split()[:4] == ["ID", "TARGET", "STATUS", "REPLICAS"]
    assert row.split()[:4] == [newest["id"][:8], "production", "running", "1"]
    assert shop.url in row
    assert {"data": [newest]} == shop.machine.json("ps")


def test_replaced_deployment_is_on_standby_in_the_rollback_window(
    ann: Machine, server: Server
) -> None:
    """
    Tables show "running (standby)", and explain it once. `--json` prints the status that the API
    returns.
    """
    shop = Shop.create(server, ann, "standby")
    shop.machine.run("deploy")
    alone = [shop.machine.run(name).stderr for name in ("deployments", "status", "ps")]
    shop.commit("Say more")
    shop.machine.run("deploy")

    results = [shop.machine.run(name) for name in ("deployments", "status", "ps")]
    tables = [result.stdout for result in results]

    newest, oldest = shop.machine.json("deployments")["data"]
    assert ["running", "running"] == [newest["status"], oldest["status"]]
    assert ["", "", ""] == alone
    for result in results:
        assert re.fullmatch(r"standby: the previous version\. .+\n", result.stderr)
    for table in tables:
        statuses = re.findall(r"running \(standby\)|running(?=  )", table)
        assert ["running", "running (standby)"] == sorted(statuses)
        assert re.search(rf"^{oldest['id'][:8]} .*running \(standby\)", table, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("deployments", "show", "ffffffff"), 'No deployment matches the id "ffffffff"'),
        (("cancel",), "{name} has no deployment in progress."),
        (
            ("promote", "nowhere"),
            'No preview of the branch "nowhere" is running. No deployment matches the id "nowhere"',
        ),
        (("start",), "The project is not stopped."),
        (("rollback",), "{name} has no active deployment. Run: pushpaka deploy"),
    ],
)
def test_impossible_requests_are_refused(
    ann: Machine, project: str, arguments: tuple[str, ...], sentence: str
) -> None:
    """The message is on the error stream, and the exit code is 1."""
    name = ann.json("projects", "show", project)["name"]

    refused = ann.run(*arguments, code=1)

    assert "" == refused.stdout
    assert sentence.format(name=name) in refused.stderr


def test_production_can_be_rolled_back_redeployed_restarted_and_stopped(shop: Shop) -> None:
    """`rollback` takes the deployment before the active one unless another one is given."""
    newest, oldest = shop.deployments()

    back = shop.machine.run("rollback")
    forth = shop.machine.run("rollback", newest["id"][:8])
    again = shop.machine.run("redeploy")
    restarted = shop.machine.json("restart")
    cause = shop.timeline(restarted["id"])[-1]["cause"]
    stopped = shop.machine.run("stop")
    shop.wait_until("stopped", number=5)
    status = shop.machine.run("status")
    nothing = shop.machine.run("ps")
    started = shop.machine.run("start")

    third, second, first = shop.deployments()[-5:-2]
    assert f"Rolling back to {oldest['id'][:8]} of " in back.stderr
    assert [("redeploy", second["id"]), ("rollback", newest["id"]), ("rollback", oldest["id"])] == [
        (each["kind"], each["source_deployment_id"]) for each in (third, second, first)
    ]
    assert "A restart was requested" == cause
    assert f"Stopping {restarted['id'][:8]}.\n" == stopped.stdout
    assert f"{shop.name} is stopped. Start it: pushpaka start" == status.stdout.splitlines()[0]
    assert "Nothing is running." in nothing.stderr
    assert {f"{shop.url}\n"} == {each.stdout for each in (back, forth, again, started)}


def test_an_application_can_be_scaled_while_it_runs(shop: Shop) -> None:
    """The number of web instances is kept for later deployments. A worker has one instance."""
    scaled = shop.machine.run("scale", "web=2", "worker=1")
    again = shop.machine.json("scale", "web=3", "--project", shop.name)

    assert f"{shop.name} now runs 2 web instances.\n" == scaled.stdout
    assert (shop.id, 3) == (again["id"], again["replicas"])
    causes = [step["cause"] for step in shop.timeline(shop.deployments()[0]["id"])]
    assert ["Scaled from 1 to 2 replicas", "Scaled from 2 to 3 replicas"] == [
        cause for cause in causes if cause.startswith("Scaled ")
    ]


def test_workers_run_without_an_address(ann: Machine, server: Server) -> None:
    """Commands that need an address explain why there is none, and nothing is on stdout."""
    shop = Shop.create(server, ann, "workers")
    before = shop.url
    shop.commit("Work", files={"Procfile": "worker: ./work"})

    deployed = shop.machine.run("deploy")

    status = shop.machine.run("status").stdout.splitlines()
    (row,) = shop.machine.run("ps").stdout.splitlines()[1:]
    opened = shop.machine.run("open", code=1)
    scaled = shop.machine.run("scale", "web=2", code=1)
    added = shop.machine.run("domains", "add", "workers.example")
    assert "" == deployed.stdout
    assert "Running without an address because there is no web process." in deployed.stderr
    assert "URL          none, because there is no web process" == status[1]
    assert ["Instances    -", ["running", "-"]] == [status[4], row.split()[2:4]]
    assert "workers has no web process, so it has no address." in opened.stderr
    assert "pushpaka open --dashboard" in opened.stderr
    assert "workers has no web process to scale." in scaled.stderr
    assert "Nothing responds at the domain because the application has no web" in added.stderr
    assert shop.machine.run("open", "--dashboard").stdout
    assert before.startswith("http://workers.")
    assert shop.machine.json("projects", "show")["url"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("web=0",), "web must be a whole number from 1 to 100. To stop the application, run: "),
        (("web=many",), "web must be a whole number from 1 to 100."),
        (("web=1", "worker=2"), "worker must be 1. Only the web process can have several"),
        (("worker=1",), "There is nothing to change. "),
        (("web",), '"web" does not have the form NAME=VALUE.'),
    ],
)
def test_impossible_numbers_of_instances_are_usage_errors(
    ann: Machine, project: str, arguments: tuple[str, ...], sentence: str
) -> None:
    """The number of instances stays unchanged."""
    assert sentence in ann.run("scale", *arguments, code=2).stderr
    assert 1 == ann.json("projects", "show", project)["replicas"]


def test_a_preview_is_deployed_and_promoted_by_its_branch(ann: Machine, server: Server) -> None:
    """A branch other than the project's is deployed only with `--preview`."""
    shop = Shop.create(server, ann, "previewed")
    shop.repository.git("checkout", "--quiet", "-b", "login")
    shop.commit("Sign in", branch="login")

    refused = shop.machine.run("deploy", code=1)
    seen = shop.machine.run("deploy", "--preview")
    promoted = shop.machine.run("promote", "login")

    production, preview = shop.deployments()
    assert "Pass --preview" in refused.stderr
    assert (f"{preview['url']}\n", "preview:login") == (seen.stdout, preview["target"])
    assert (f"{shop.url}\n", "promote") == (promoted.stdout, production["kind"])


def test_queued_deployments_are_shown_and_canceled_by_their_ids(
    ann: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If several deployments are queued, the user has to name one."""
    monkeypatch.setattr(server.builder, "is_hanging", True)
    shop = Shop.create(server, ann, "busy")
    first, second = shop.deploy(), shop.deploy(target="preview:main")

    status = shop.machine.run("status")
    refused = shop.machine.run("cancel", code=1)
    cancelled = [shop.machine.run("cancel", deployment["id"][:8]) for deployment in (first, second)]

    assert "Several deployments are in progress: " in refused.stderr
    for number, (deployment, ended) in enumerate(zip((first, second), cancelled, strict=True), 1):
        assert f"{deployment['id'][:8]} to {deployment['target']}: " in status.stdout
        assert ended.stdout.startswith(f"{deployment['id'][:8]} is ")
        shop.wait_until("cancelled", number=number)
