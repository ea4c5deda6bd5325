"""
How long does it take until each watcher sees a printed line, and does any watcher miss a line?

The baseline is uvicorn with the same WebSocket implementation, also without compression. It sends
messages of the same format to all connections from memory. The baseline does not store or number
lines and does not authenticate, and a watcher that connects late misses lines. Pushpaka shows a
line only after its commit, which includes a sync of the disk. The watchers run in another process.
The time is measured from the timestamp of the line, in whole milliseconds. Memory is the unshared
memory of the server while all watchers are connected.

Why they differ: with one watcher, the commit takes nearly all of the time. With many watchers,
Pushpaka checks the permissions and the position of each watcher for each line. This takes about
50 µs of processor time, whereas the baseline takes about 18 µs. A thousand watchers of 20 lines per
second use a whole processor, so lines are delayed, but no line is lost.
"""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from anyio import create_task_group, open_process, sleep
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.http.crowds import Api, Log, open_api
from tests.served_instance import free_port, responds

_CROWDS = (1, 100, 1000)
_LINES, _A_SECOND = 200, 20
_PERCENTILES = (50, 95, 99)
_STALL_SECONDS = 20


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Measure with several numbers of watchers, with both in turn."""
    found: list[Comparison] = []
    lines = run_options.amount(_LINES, 10)
    for watchers in run_options.variants(_CROWDS):
        turns = {
            OURS: partial(_ours, watchers, lines),
            "bare uvicorn": partial(_bare, watchers, lines),
        }
        samples = await alternate(turns, run_options.rounds_of(3))
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
            log = await api.create_log()
            first = await api.last_seq(log, 0)
            return await _figures(api, log, watchers=watchers, first=first, lines=lines)


async def _bare(watchers: int, lines: int) -> Figures:
    async with _open_bare() as api:
        log = Log(deployment_id="0", token="")
        return await _figures(api, log, watchers=watchers, first=0, lines=lines)


async def _figures(api: Api, log: Log, *, watchers: int, first: int, lines: int) -> Figures:
    figures: dict[str, float] = {}

    async def watch() -> None:
        seen = await api.run_watchers(log, [first] * watchers, first + lines)
        if seen["gaps"] or seen["positions"] != [first + lines] * watchers:
            raise RuntimeError(f"Lines were missed: {seen['gaps'][:10]}")
        figures.update({f"p{n}": 1000 * seen["hundredths"][n - 1] for n in _PERCENTILES})

    async with create_task_group() as tasks:
        tasks.start_soon(watch)
        await api.wait_until_watched_by(watchers)
        await api.say(log, first + 1, first + lines, lines_per_second=_A_SECOND)
        await sleep(lines / _A_SECOND / 2)
        figures["memory"] = api.measure_memory() / 1_000_000
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
            while not await responds(client, "/metrics"):
                await sleep(0.05)
            yield Api(port=port, process=process, client=client)
        finally:
            process.kill()
