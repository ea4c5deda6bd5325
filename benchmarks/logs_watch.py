"""
How long after it was printed does each watcher see a line, and does anybody miss one?

Beside it uvicorn, with the same implementation of WebSockets and as little compression, sends
messages of the same form to all who are connected, from memory: it keeps no line, numbers none,
knows nobody, and whoever is late misses some. Ours shows a line only when it is committed, which
is a sync of the disk. Who watches is another process. The time is from the one that the line
bears, in whole milliseconds. The memory is what the server has for itself while all are watching.

What differs: with one watcher the commit is nearly all of it. With many, ours asks for each of them
what they may see and how far they are, in some 50 µs of processor time for a watcher and a line,
where the bare one takes some 18: a thousand watchers of 20 lines a second fill a processor, so that
lines wait for one another, and none is left out.
"""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from anyio import create_task_group, open_process, sleep
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, by_turns
from tests.http.crowds import Api, Log, open_api
from tests.served import answers, free_port

_CROWDS = (1, 100, 1000)
_LINES, _A_SECOND = 200, 20
_PERCENTILES = (50, 95, 99)
_STALL_SECONDS = 20


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Let crowds of several sizes watch by turns."""
    found: list[Comparison] = []
    lines = plan.amount(_LINES, 10)
    for watchers in plan.few(_CROWDS):
        turns = {
            OURS: partial(_ours, watchers, lines),
            "bare uvicorn": partial(_bare, watchers, lines),
        }
        samples = await by_turns(turns, plan.rounds_of(3))
        found += [
            Comparison.of(
                samples,
                f"p{percentile}",
                what=f"{watchers} watchers, p{percentile}",
                unit="ms",
                goal=Goal(ratio=1.5) if percentile == 95 else None,
            )
            for percentile in _PERCENTILES
        ]
        found.append(Comparison.of(samples, "memory", what=f"{watchers} watchers", unit="MB"))
    return found


async def _ours(watchers: int, lines: int) -> Figures:
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with open_api(Path(directory), stall_seconds=_STALL_SECONDS) as api:
            log = await api.new_log()
            first = await api.last_seq(log, 0)
            return await _figures(api, log, watchers=watchers, first=first, lines=lines)


async def _bare(watchers: int, lines: int) -> Figures:
    async with _open_bare() as api:
        log = Log(deployment_id="0", token="")
        return await _figures(api, log, watchers=watchers, first=0, lines=lines)


async def _figures(api: Api, log: Log, *, watchers: int, first: int, lines: int) -> Figures:
    figures: dict[str, float] = {}

    async def watch() -> None:
        seen = await api.crowd(log, [first] * watchers, first + lines)
        if seen["gaps"] or seen["places"] != [first + lines] * watchers:
            raise RuntimeError(f"Lines were missed: {seen['gaps'][:10]}")
        figures.update({f"p{n}": 1000 * seen["hundredths"][n - 1] for n in _PERCENTILES})

    async with create_task_group() as tasks:
        tasks.start_soon(watch)
        await api.until_watched_by(watchers)
        await api.say(log, first + 1, first + lines, a_second=_A_SECOND)
        await sleep(lines / _A_SECOND / 2)
        figures["memory"] = api.memory() / 1_000_000
    return figures


@asynccontextmanager
async def _open_bare() -> AsyncIterator[Api]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_broadcast", str(port)]
    address = f"http://127.0.0.1:{port}"
    async with (
        await open_process(command, stdout=None, stderr=None) as process,
        httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client,
    ):
        try:
            while not await answers(client, "/metrics"):
                await sleep(0.05)
            yield Api(port=port, process=process, client=client)
        finally:
            process.kill()
