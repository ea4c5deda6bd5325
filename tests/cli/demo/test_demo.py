"""Tests the output of `pushpaka demo`, and that it leaves nothing behind."""

import re
from signal import SIGINT

import anyio
import psutil
import pytest
from tests.served_instance import PROGRAM, ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


def _command_lines(served_instance: ServedInstance) -> list[list[str]]:
    """Return the command lines of the programs that use the data directory of *served_instance*."""
    mark = str(served_instance.directory)
    return [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(mark in argument for argument in process.info["cmdline"] or [])
    ]


async def test_demo_once_deploys_and_leaves_nothing(served_instance: ServedInstance) -> None:
    """The demo shows the log and the URL, checks the response, and removes what it created."""
    finished = await served_instance.run("demo", "--once", "--app", "static", stdin="")

    assert 0 == finished.code, finished.output + finished.errors
    assert "because there is an index.html" in finished.errors
    assert "http://static-site.localhost" in finished.output
    assert "\x1b" not in finished.output
    assert "data stays" not in finished.output
    assert [] == list(served_instance.directory.glob("pushpaka-demo*"))
    assert [] == _command_lines(served_instance)


async def test_the_demo_serves_until_ctrl_c_and_can_be_started_again(
    served_instance: ServedInstance,
) -> None:
    """
    Ctrl-C stops all programs with exit code 0 and prints where the data is. The next demo finds
    the project again.
    """
    data = served_instance.directory / "pushpaka-demo"
    for _ in range(2):
        async with await anyio.open_process(
            [*PROGRAM, "demo", "--app", "static"], env=served_instance.environment(), stderr=None
        ) as demo:
            shown = await _output_until(demo, "Press Ctrl-C to stop the demo")
            demo.send_signal(SIGINT)
            ending = await _output_until(demo, f"To delete it, run: rm -rf {data}\n")
            with anyio.fail_after(60):
                code = await demo.wait()

        assert 0 == code
        assert f"Its data stays in {data}, so that the next demo starts faster." in ending
        assert data.is_dir()
        assert re.search(r"Dashboard: http://127\.0\.0\.1:\d+\n", shown)
        assert re.search("Sign in as demo@example.com with the password .{16}\n", shown)
        assert [] == _command_lines(served_instance)


async def test_an_interrupted_demo_leaves_nothing(served_instance: ServedInstance) -> None:
    """Ctrl-C stops `--once` with exit code 1, and everything is removed."""
    async with await anyio.open_process(
        [*PROGRAM, "demo", "--once", "--app", "static"], env=served_instance.environment()
    ) as demo:
        await _output_until(demo, "as demo@example.com")
        demo.send_signal(SIGINT)
        with anyio.fail_after(60):
            code = await demo.wait()

    assert 1 == code
    assert [] == list(served_instance.directory.glob("pushpaka-demo*"))
    assert [] == _command_lines(served_instance)


async def _output_until(process: anyio.abc.Process, sentence: str) -> str:
    assert process.stdout is not None
    shown = ""
    with anyio.fail_after(60):
        while sentence not in shown:
            shown += (await process.stdout.receive()).decode()
    return shown
