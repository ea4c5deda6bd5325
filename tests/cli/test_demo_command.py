"""`pushpaka demo`: what it shows, and that it leaves nothing."""

import re
from signal import SIGINT

import anyio
import psutil
import pytest
from tests.served import PROGRAM, Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


def _running(served: Served) -> list[list[str]]:
    """Return the programs that have to do with the directory of *served*."""
    mark = str(served.directory)
    return [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(mark in argument for argument in process.info["cmdline"] or [])
    ]


async def test_demo_once_deploys_and_leaves_nothing(served: Served) -> None:
    """It shows the log and the address, checks the answer, and removes all that it made."""
    finished = await served.run("demo", "--once", "--app", "static", stdin="")

    assert 0 == finished.code, finished.output + finished.errors
    assert "because there is an index.html" in finished.output
    assert "http://static-site.localhost" in finished.output
    assert "\x1b" not in finished.output
    assert [] == list(served.directory.glob("pushpaka-demo*"))
    assert [] == _running(served)


async def test_demo_serves_until_it_is_ended_and_goes_on_where_it_was(served: Served) -> None:
    """Ctrl-C ends it and all its programs with exit code 0; the next one finds its project."""
    for _ in range(2):
        async with await anyio.open_process(
            [*PROGRAM, "demo", "--app", "static"], env=served.environment(), stderr=None
        ) as demo:
            shown = await _shown_until(demo, "Ctrl-C ends the demo")
            demo.send_signal(SIGINT)
            with anyio.fail_after(20):
                code = await demo.wait()

        assert 0 == code
        assert re.search(r"Dashboard: http://127\.0\.0\.1:\d+\n", shown)
        assert re.search("Sign in as demo@example.com with the password .{16}\n", shown)
        assert [] == _running(served)


async def test_demo_that_is_interrupted_leaves_nothing(served: Served) -> None:
    """Ctrl-C in the middle of it ends `--once` with exit code 1, and everything is removed."""
    async with await anyio.open_process(
        [*PROGRAM, "demo", "--once", "--app", "static"], env=served.environment()
    ) as demo:
        await _shown_until(demo, "demo@example.com deploys")
        demo.send_signal(SIGINT)
        with anyio.fail_after(20):
            code = await demo.wait()

    assert 1 == code
    assert [] == list(served.directory.glob("pushpaka-demo*"))
    assert [] == _running(served)


async def _shown_until(process: anyio.abc.Process, sentence: str) -> str:
    assert process.stdout is not None
    shown = ""
    with anyio.fail_after(60):
        while sentence not in shown:
            shown += (await process.stdout.receive()).decode()
    return shown
