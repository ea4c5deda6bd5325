"""
How soon is `pushpaka serve` ready, and how much memory does it use at rest?

The baseline is a Litestar application with one route and SQLAlchemy on SQLite. Each round starts
both programs with the database of the previous round, and polls their health endpoint until it
responds. Memory is the resident memory of the process ten seconds later; the router is another
process and is not included. The import is measured in a new Python process, and the startup time
of Python is subtracted.

Why they differ: of the processor time until ready, Python, Litestar, SQLAlchemy and uvicorn take
two fifths, which the baseline needs as well. Creating about 350 attrs classes takes a tenth, and
our other modules and 160 handlers take the rest. No key, certificate or password hasher is loaded
at rest: the first use of the cryptography library adds about 10 MB.
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
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.served_instance import ServedInstance, free_port, open_served, responds

_BARE = "bare Litestar"
_SECONDS_OF_REST = 10
_LONGEST_IMPORT = 0.2
_PAUSE = 0.01


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Start both in turn, then measure the import."""
    rest = run_options.amount(_SECONDS_OF_REST, 1)
    async with open_served() as served:
        turns = {
            OURS: partial(_ours, served, rest),
            _BARE: partial(_bare, served.directory, rest),
        }
        samples = await alternate(turns, run_options.rounds_of(5))
    imports = await alternate({OURS: _import}, run_options.rounds_of(5))
    limit = {OURS: imports[OURS]["seconds"], "what is allowed": [_LONGEST_IMPORT]}
    return [
        Comparison.of(samples, "ready", what="ready after", unit="s", goal=Goal(ratio=2)),
        Comparison.of(samples, "memory", what="at rest", unit="MB", goal=Goal(ratio=1.5)),
        Comparison(what="import pushpaka_core", unit="s", samples=limit, goal=Goal(ratio=1)),
    ]


async def _ours(served_instance: ServedInstance, rest: float) -> Figures:
    begun = perf_counter()
    await served_instance.begin()
    try:
        return await _figures(begun, served_instance.port, served_instance.pid, rest)
    finally:
        await served_instance.stop()


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
        while not await responds(http, "/api/v1/health"):
            await sleep(_PAUSE)
    ready = perf_counter() - begun
    await sleep(rest)
    return {"ready": ready, "memory": psutil.Process(pid).memory_info().rss / 1_000_000}


async def _import() -> Figures:
    """Return the seconds that Python takes to import the core."""
    nothing, core = [await _lasts(statement) for statement in ("pass", "import pushpaka_core")]
    return {"seconds": core - nothing}


async def _lasts(statement: str) -> float:
    begun = perf_counter()
    await run_process([sys.executable, "-c", statement])
    return perf_counter() - begun
