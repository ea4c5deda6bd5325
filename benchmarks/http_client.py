"""Sends a request many times on several connections, and prints the rate and the latency."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from statistics import quantiles
from time import perf_counter

from anyio import run_process
from benchmarks.rounds import Figures

_CONNECTIONS = 8


async def send_requests(
    port: int, request: str, *, headers: Mapping[str, str], body: str, times: int
) -> Figures:
    """Send *request*, for example `GET /path`, *times* times in total from another process."""
    lines = [f"{request} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    message = "\r\n".join([*lines, "", body])
    command = [sys.executable, "-m", "benchmarks.http_client", str(port), str(times)]
    done = await run_process(command, input=message.encode(), stderr=None)
    figures: Figures = json.loads(done.stdout)
    return figures


async def _ask_all(port: int, times: int, message: bytes) -> Figures:
    begun = perf_counter()
    connections = min(_CONNECTIONS, times)
    shares = [times // connections] * connections
    parts = await asyncio.gather(*(_ask_on(port, share, message) for share in shares))
    lasted = perf_counter() - begun
    seconds = [each for part in parts for each in part]
    p95 = quantiles([*seconds, max(seconds)], n=20, method="inclusive")[18]
    return {"rate": len(seconds) / lasted, "p95": 1000 * p95}


async def _ask_on(port: int, times: int, message: bytes) -> Sequence[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seconds = []
    for _ in range(times):
        begun = perf_counter()
        writer.write(message)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
        content = await reader.readexactly(int(length.partition(":")[2]))
        seconds.append(perf_counter() - begun)
        if not head.startswith("http/1.1 2"):
            raise RuntimeError(content.decode())
    writer.close()
    return seconds


if __name__ == "__main__":
    found = asyncio.run(_ask_all(int(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer.read()))
    sys.stdout.write(json.dumps(found))
