"""`pushpaka deploy`: what it deploys, what it shows meanwhile, and how it ends."""

import json
import os
import re
from signal import SIGINT

import anyio
import pytest
from anyio import to_thread
from attrs import evolve
from tests.acceptance.gates import Gate
from tests.acceptance.people import Json
from tests.cli.client.deploying.relays import losing_relay
from tests.cli.client.deploying.shells import Shell, Site
from tests.served import PROGRAM, Served

pytestmark = pytest.mark.anyio


def _objects(output: str) -> list[Json]:
    return [json.loads(line) for line in output.splitlines()]


async def _newest(shell: Shell, site: Site) -> Json:
    """Return the deployment of a project that came last."""
    page = await shell.person.ask("GET", f"/deployments?project_id={site.project['id']}")
    return dict(page["data"][0])


async def _gated(shell: Shell, name: str) -> tuple[Site, Gate]:
    """Make a site whose build waits until the gate is opened."""
    gate = Gate(shell.served.new_directory() / "gate")
    return await shell.site(name, build_command=gate.command), gate


def _whole(told: list[Json]) -> list[int]:
    """Return the numbers of the lines that were told."""
    return [each["line"]["seq"] for each in told if each["type"] == "line"]


async def test_a_folder_is_deployed_and_followed_until_it_runs(shell: Shell) -> None:
    """In a process: the address is all of its output, the rest is told beside it."""
    site = await shell.site("followed")
    commit = await to_thread.run_sync(site.clone.git, "rev-parse", "HEAD")

    async with shell.running("deploy", at=site.clone.path) as running:
        code = await running.ended()
    deployment = await _newest(shell, site)

    assert (0, f"{site.project['url']}\n") == (code, running.output), running.errors
    assert ("main", commit, "running") == (
        deployment["branch"],
        deployment["commit_sha"],
        deployment["status"],
    )
    lines = running.errors.splitlines()
    assert f"Deploying followed: main ({commit[:7]}) to production." == lines[0]
    assert re.fullmatch(r"It runs after \d+\.\d s\.", lines[-1])
    taken = [line for line in lines if re.fullmatch(r"\w+ +\| took \d+\.\d s", line)]
    assert ["queued", "source", "build", "start", "switch"] == [line.split()[0] for line in taken]
    assert "\x1b" not in running.errors


async def test_programs_are_told_every_step_and_line_once(shell: Shell) -> None:
    """What is printed with `--json` is what the API has, and the deployment last."""
    site = await shell.site("told")

    finished = await shell.run("deploy", "--json", at=site.clone.path)
    told = _objects(finished.output)
    deployment = told[-1]["deployment"]
    log = await shell.person.log(deployment)
    timeline = await shell.person.timeline(deployment)

    lines = [each["line"] for each in told if each["type"] == "line"]
    assert "" == finished.errors
    assert "running" == deployment["status"]
    assert log[: len(lines)] == lines
    assert [step["id"] for step in timeline] == [
        each["event"]["id"] for each in told if each["type"] == "event"
    ]


async def test_a_failure_ends_with_the_reason(shell: Shell) -> None:
    """Exit code 1; the lines that tell why, the reason, and how to see all of it."""
    site = await shell.site("failing", build_command="echo the roof is missing; exit 4")

    finished = await shell.run("deploy", at=site.clone.path, code=1)
    status = await shell.run("status", at=site.clone.path)
    deployment = await _newest(shell, site)

    assert "" == finished.output
    failure = f"The last deployment has failed: {deployment['error'].splitlines()[0]}"
    assert f"Health     It serves nothing yet. {failure} See: pushpaka logs " in status.output
    *_, line, reason, advice = finished.errors.splitlines()
    assert "  the roof is missing" == line
    assert reason.startswith('It failed in the phase "build" after ')
    assert reason.endswith(deployment["error"].partition("\n")[0])
    assert f"The whole log: pushpaka logs {deployment['id']}" == advice


async def test_after_a_failure_the_version_before_goes_on(shell: Shell) -> None:
    """And so it says, with its address."""
    site = await shell.site("goingon")
    await shell.run("deploy", at=site.clone.path)
    await shell.run("projects", "set", "build_command=exit 4", at=site.clone.path)

    failed = await shell.run("deploy", at=site.clone.path, code=1)

    last = failed.errors.splitlines()[-1]
    assert last.startswith("The version before goes on at http://goingon.")


async def test_what_is_cancelled_meanwhile_ends_with_1(shell: Shell) -> None:
    """Whoever follows is told, be it by the command that cancels or by anything else."""
    site, _ = await _gated(shell, "cancelled")

    async with shell.running("deploy", at=site.clone.path) as running:
        await running.until_said("build   | waiting")
        cancelled = await shell.run("cancel", at=site.clone.path)
        code = await running.ended()

    assert "is being cancelled." in cancelled.output
    assert 1 == code
    assert "It was cancelled. It was cancelled." in running.errors.splitlines()


async def test_what_is_superseded_ends_with_1(shell: Shell) -> None:
    """A newer one takes the place of the one that waits and is followed."""
    site, _ = await _gated(shell, "superseded")
    first = await shell.run("deploy", "--detach", at=site.clone.path)
    await shell.person.until_logged({"id": first.output.strip()}, "waiting")

    async with shell.running("deploy", "--json", at=site.clone.path) as running:
        await running.until_said('"queued"')
        newer = await shell.run("deploy", "--detach", at=site.clone.path)
        code = await running.ended()
    for begun in (newer, first):
        await shell.run("cancel", begun.output.strip())

    assert (1, "superseded") == (code, _objects(running.output)[-1]["deployment"]["status"])


async def test_interrupting_ends_the_watching_alone(shell: Shell) -> None:
    """Ctrl-C says that the deployment goes on and how it is followed or cancelled."""
    site, gate = await _gated(shell, "interrupted")

    async with shell.running("deploy", at=site.clone.path) as running:
        await running.until_said("build   | waiting")
        running.process.send_signal(SIGINT)
        code = await running.ended()
    deployment = await _newest(shell, site)
    await gate.open()
    outcome = await shell.person.outcome(deployment)

    assert (130, "") == (code, running.output)
    assert [
        "It is not followed any more, and goes on.",
        f"Follow it: pushpaka logs --follow {deployment['id']}",
        f"Cancel it: pushpaka cancel {deployment['id']}",
    ] == running.errors.splitlines()[-3:]
    assert "running" == outcome["status"]


async def test_nothing_is_lost_while_the_server_restarts(shell: Shell, served: Served) -> None:
    """Every line and every step comes once, over the restart and to the end."""
    site, gate = await _gated(shell, "restarted")

    async with shell.running("deploy", "--json", at=site.clone.path) as running:
        await running.until_said('"waiting"')
        await served.stop()
        await served.start()
        await gate.open()
        code = await running.ended()
    told = _objects(running.output)
    timeline = await shell.person.timeline(told[-1]["deployment"])

    assert 0 == code, running.errors
    assert list(range(1, len(_whole(told)) + 1)) == _whole(told)
    assert [step["id"] for step in timeline] == [
        each["event"]["id"] for each in told if each["type"] == "event"
    ]


async def test_nothing_comes_twice_where_answers_are_lost(shell: Shell, served: Served) -> None:
    """One deployment is made, and its log and its steps go on where they were cut off."""
    site = await shell.site("cut")

    lost = ("POST /deployments", "GET /api/v1/events", "GET /sse")
    async with losing_relay(served.port, *lost) as relay:
        finished = await evolve(shell, relay=relay).run("deploy", "--json", at=site.clone.path)
    told = _objects(finished.output)
    page = await shell.person.ask("GET", f"/deployments?project_id={site.project['id']}")

    assert [told[-1]["deployment"]] == page["data"]
    assert list(range(1, len(_whole(told)) + 1)) == _whole(told)


async def test_waiting_has_an_end(shell: Shell) -> None:
    """After the time-out, with exit code 1, and the deployment goes on."""
    site, _ = await _gated(shell, "endless")

    finished = await shell.run("deploy", "--timeout", "0.5", at=site.clone.path, code=1)
    deployment = await _newest(shell, site)
    await shell.run("cancel", deployment["id"][:8], at=site.clone.path)

    assert "It is not over after 0.5 s, and goes on." in finished.errors
    assert deployment["status"] in {"queued", "building"}


async def test_a_terminal_shows_the_phases_and_colours(shell: Shell) -> None:
    """What a program may colour is coloured; it can do nothing else to the terminal."""
    site = await shell.site("coloured", build_command=r"printf '\033[31mred\033[0m\033]0;t\007\n'")

    shown = await _in_a_terminal(shell, site, "deploy")

    assert "\x1b[31mred\x1b[0m" in shown
    assert "\x1b]0;" not in shown
    assert re.search(r"✓.*build", shown)
    assert site.project["url"] in shown


async def _in_a_terminal(shell: Shell, site: Site, *words: str) -> str:
    """Return what a command shows on a terminal of its own."""
    ours, theirs = os.openpty()
    env = {name: value for name, value in {**os.environ, **shell.env}.items() if value}
    env = {name: value for name, value in env.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    async with await anyio.open_process(
        [*PROGRAM, *words], cwd=site.clone.path, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = await to_thread.run_sync(_read_all, ours)
        assert 0 == await process.wait(), shown
    return shown


def _read_all(terminal: int) -> str:
    """Return what is written to a terminal until nobody has it open any more."""
    chunks: list[bytes] = []
    with open(terminal, "rb", buffering=0) as reader:
        try:
            while chunk := reader.read(65_536):
                chunks.append(chunk)
        except OSError:
            pass
    return b"".join(chunks).decode()
