"""
How soon is `pushpaka serve` ready, and how much memory does it have at rest?

Beside it is a Litestar application with SQLAlchemy on SQLite that has one route. Both are started
anew in each round on the database of the round before, as programs, and asked for their health
until they answer. The memory is what the process has resident ten seconds later; the router of
ours is another process and is not counted. An import is that of a new Python, less its own start.

What differs: of the processor time until ready two fifths are Python, Litestar, SQLAlchemy and
uvicorn as on the other side, a tenth the making of some 350 attrs classes, and the rest our other
modules and 160 handlers. No key, certificate or password scheme is loaded at rest: the first use of
the library of cryptography adds about 10 MB.
"""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

import httpx
import psutil
from anyio import open_process, run_process, sleep
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, by_turns
from tests.served import Served, answers, free_port, open_served

_BARE = "bare Litestar"
_SECONDS_OF_REST = 10
_LONGEST_IMPORT = 0.2
_PAUSE = 0.01


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Start both by turns, then import."""
    rest = plan.amount(_SECONDS_OF_REST, 1)
    async with open_served() as served:
        turns = {
            OURS: partial(_ours, served, rest),
            _BARE: partial(_bare, served.directory, rest),
        }
        samples = await by_turns(turns, plan.rounds_of(5))
    imports = await by_turns({OURS: _import}, plan.rounds_of(5))
    limit = {OURS: imports[OURS]["seconds"], "what is allowed": [_LONGEST_IMPORT]}
    return [
        Comparison.of(samples, "ready", what="ready after", unit="s", goal=Goal(ratio=2)),
        Comparison.of(samples, "memory", what="at rest", unit="MB", goal=Goal(ratio=1.5)),
        Comparison(what="import pushpaka_core", unit="s", samples=limit, goal=Goal(ratio=1)),
    ]


async def _ours(served: Served, rest: float) -> Figures:
    begun = perf_counter()
    await served.begin()
    try:
        return await _figures(begun, served.port, served.pid, rest)
    finally:
        await served.stop()


async def _bare(directory: Path, rest: float) -> Figures:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_server", str(port), str(directory / "bare")]
    begun = perf_counter()
    async with _running(command) as pid:
        return await _figures(begun, port, pid, rest)


@asynccontextmanager
async def _running(command: Sequence[str]) -> AsyncIterator[int]:
    process = await open_process(command, stdout=None, stderr=None)
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


async def _figures(begun: float, port: int, pid: int, rest: float) -> Figures:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        while not await answers(http, "/api/v1/health"):
            await sleep(_PAUSE)
    ready = perf_counter() - begun
    await sleep(rest)
    return {"ready": ready, "memory": psutil.Process(pid).memory_info().rss / 1_000_000}


async def _import() -> Figures:
    """Return how much longer Python takes to import the core than to import nothing."""
    nothing, core = [await _lasts(statement) for statement in ("pass", "import pushpaka_core")]
    return {"seconds": core - nothing}


async def _lasts(statement: str) -> float:
    begun = perf_counter()
    await run_process([sys.executable, "-c", statement])
    return perf_counter() - begun
