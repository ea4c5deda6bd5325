"""
How long does `/health` take while one user floods the API?

20 connections send without a pause: WebSocket frames to the log of a deployment, or a request body
in chunks of one byte. Each connection is reopened a second after it was closed. The baseline is the
same server without a flood. The flood runs in another process, so three programs share the cores of
a machine with two cores.

Why they differ: a response waits for the handshakes and rejections of the flood, about 2 to 6 ms of
processor time each, and for its share of the processors.
"""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

from anyio import fail_after, open_process, sleep
from benchmarks.flood_client import FLOODS
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.http.crowds import Api, Log, open_api

from pushpaka_http.streaming.frame_limits import MAX_FRAMES_PER_MINUTE

_REQUESTS = 200
_STALL_SECONDS = 10
_LONGEST = 120
"""Seconds that all requests of a round may take together."""


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Request the health endpoint with each kind of flood and without, in turn."""
    found: list[Comparison] = []
    requests = run_options.amount(_REQUESTS, 20)
    for kind in run_options.variants(tuple(FLOODS)):
        turns = {
            OURS: partial(_measure, requests, kind),
            "no flood": partial(_measure, requests, None),
        }
        samples = await alternate(turns, run_options.rounds_of(3))
        for figure, goal in (("p95", Goal(ratio=20)), ("max", None)):
            what = f"{kind}, {figure}"
            found.append(Comparison.of(samples, figure, what=what, unit="ms", goal=goal))
    return found


async def _measure(requests: int, kind: str | None) -> Figures:
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with open_api(
            Path(directory), stall_seconds=_STALL_SECONDS, max_frames=MAX_FRAMES_PER_MINUTE
        ) as api:
            if kind is None:
                return await _figures(api, requests)
            async with _flooding(api, kind, await api.create_log()):
                return await _figures(api, requests)


async def _figures(api: Api, requests: int) -> Figures:
    seconds = []
    with fail_after(_LONGEST):
        for _ in range(requests):
            begun = perf_counter()
            (await api.client.get("/health", timeout=_LONGEST)).raise_for_status()
            seconds.append(perf_counter() - begun)
            await sleep(0.01)
    return {"p95": 1000 * quantiles(seconds, n=20)[18], "max": 1000 * max(seconds)}


@asynccontextmanager
async def _flooding(api: Api, kind: str, log: Log) -> AsyncIterator[None]:
    head = log.websocket_request() if kind != "1-byte chunks" else _CHUNKED
    command = [sys.executable, "-m", "benchmarks.flood_client", str(api.port), kind, head]
    async with await open_process(command, stderr=None) as flood:
        if flood.stdin is None or flood.stdout is None:
            raise RuntimeError("A flood has neither an input nor an output.")
        begun = await flood.stdout.receive()
        yield
        await flood.stdin.aclose()
        output = begun + b"".join([part async for part in flood.stdout])
    sys.stdout.write(output.decode())


_CHUNKED = (
    "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\n\r\n"
)
