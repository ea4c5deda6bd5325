"""`pushpaka logs`: what a deployment says, chosen, cut and followed."""

import json
from signal import SIGINT

import pytest
from tests.acceptance.gates import Gate
from tests.acceptance.people import Json
from tests.cli.client.deploying.shells import Shell

pytestmark = pytest.mark.anyio

BUILD = r"printf '\033[31mred\033[0m\033[2J\n'; echo Roof >&2; echo stands; exit 3"


@pytest.fixture(scope="module")
async def failed(shell: Shell) -> Json:
    """A deployment that is over, with a log that will not grow."""
    site = await shell.site("loud", build_command=BUILD)
    return await shell.person.outcome(await shell.person.begin(site.project))


def _messages(output: str) -> list[str]:
    """Return what is said in each line."""
    return [line.partition(" | ")[2] for line in output.splitlines()]


async def test_a_log_is_shown_as_it_is(shell: Shell, failed: Json) -> None:
    """All lines in order; without a terminal no control character of a program is left."""
    log = await shell.person.log(failed)

    shown = await shell.run("logs", failed["id"])
    told = await shell.json("logs", failed["id"])

    assert len(log) == len(_messages(shown.output))
    assert {"red", "Roof", "stands"} <= set(_messages(shown.output))
    assert "\x1b" not in shown.output
    assert {"data": log} == told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--stream", "stderr"), ["Roof"]),
        (("--grep", "roof", "--stream", "stderr"), ["Roof"]),
        (("--stream", "stdout", "--tail", "1"), ["stands"]),
        (("--level", "debug"), []),
        (("--tail", "0"), []),
    ],
)
async def test_lines_are_chosen(
    shell: Shell, failed: Json, words: tuple[str, ...], expected: list[str]
) -> None:
    """By who speaks, by level and by text, and cut to the last; the same when followed."""
    shown = await shell.run("logs", failed["id"], *words)
    followed = await shell.run("logs", failed["id"], "--follow", *words)

    assert expected == _messages(shown.output)
    assert expected == _messages(followed.output)


async def test_lines_after_one_are_shown(shell: Shell, failed: Json) -> None:
    """So that somebody who has seen a part goes on from there."""
    log = await shell.person.log(failed)

    shown = await shell.json("logs", failed["id"], "--since-line", "3")
    followed = await shell.run("logs", failed["id"], "-f", "--since-line", "3", "--json")

    assert log[3:] == shown["data"]
    assert log[3:] == [json.loads(line) for line in followed.output.splitlines()]


async def test_following_ends_with_the_log(shell: Shell, failed: Json) -> None:
    """And says what has become of the deployment."""
    followed = await shell.run("logs", failed["id"], "--follow")

    assert f"This was the whole log: {failed['id'][:8]} is failed.\n" == followed.errors


async def test_lines_are_followed_as_they_come(shell: Shell) -> None:
    """Of what is in work where nothing is served yet, until Ctrl-C ends the watching."""
    gate = Gate(shell.served.new_directory() / "gate")
    site = await shell.site("growing", build_command=f"{gate.command}; echo on")
    begun = await shell.person.begin(site.project)
    await shell.person.until_logged(begun, "waiting")

    async with shell.running("logs", "-f", "--tail", "1", at=site.clone.path) as running:
        await running.until_said("| waiting")
        await gate.open()
        await running.until_said("| on")
        await shell.person.outcome(begun)
        running.process.send_signal(SIGINT)
        code = await running.ended()

    assert (130, ["waiting", "on"]) == (code, _messages(running.output)[:2])
    assert "" == running.errors
