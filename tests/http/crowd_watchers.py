"""A program that watches one log through many WebSockets."""

import asyncio
import json
import sys
import time
from datetime import datetime
from statistics import quantiles

from attrs import define, field

CLOSE, PING, PONG, NO_MASK = 0x88, 0x89, 0x8A, bytes(4)
TRY_AGAIN = 1013
CONCURRENT_CONNECTIONS = 50
"""The number of watchers that may be connecting at the same time."""


@define
class WatcherStats:
    """What all watchers together have seen."""

    last: int
    """The number of the line after which watchers disconnect."""
    milestone: int
    remaining_watchers: int
    """The number of watchers that have not seen line number `milestone` yet."""
    positions: list[int] = field(factory=list)
    """The number of the last line that each disconnected watcher saw."""
    gaps: list[tuple[int, int]] = field(factory=list)
    written: dict[int, float] = field(factory=dict)
    """When each line was written, as seconds since the epoch, by line number."""
    lags: list[float] = field(factory=list)
    """The delays in seconds between writing a line and a watcher seeing it."""

    def record(self, seq: int, frame: bytes, now: float) -> None:
        """Record that a watcher saw line *seq*. Print a line once all saw the milestone."""
        if seq not in self.written:
            created_at = json.loads(frame[frame.index(b"{") :])["created_at"]
            self.written[seq] = datetime.fromisoformat(created_at).timestamp()
        self.lags.append(now - self.written[seq])
        if seq == self.milestone:
            self.remaining_watchers -= 1
            if not self.remaining_watchers:
                sys.stdout.write("all have seen it\n")
                sys.stdout.flush()


async def watch(
    port: int, path: str, after: int, stats: WatcherStats, connection_slots: asyncio.Semaphore
) -> None:
    """
    Watch the lines after number *after* until the last line, or until the API dies.

    If a busy API closes the connection with 1013, the watcher reconnects, as browsers do.
    """
    is_alive = True
    while is_alive and after < stats.last:
        try:
            after, is_alive = await watch_once(port, path, after, stats, connection_slots)
        except (OSError, asyncio.IncompleteReadError):
            is_alive = False
    stats.positions.append(after)


async def watch_once(
    port: int, path: str, after: int, stats: WatcherStats, connection_slots: asyncio.Semaphore
) -> tuple[int, bool]:
    """Watch through one connection. Return the number of the last line, and if the API is alive."""
    async with connection_slots:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        writer.write(
            f"GET {path}&after={after} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        rest = (await reader.readuntil(b"\r\n\r\n"))[:0]
    while after < stats.last:
        if not (data := await read(reader)):
            return after, False
        rest, now = rest + data, time.time()
        while frame := first_frame(rest):
            rest = rest[len(frame) :]
            if frame[0] == PING:
                writer.write(bytes([PONG, 0x80 | frame[1], *NO_MASK]) + frame[2:])
                continue
            if frame[0] == CLOSE:
                if (code := int.from_bytes(frame[2:4])) != TRY_AGAIN:
                    raise EOFError(code)
                writer.transport.abort()
                return after, True
            seq = int(frame.partition(b'"seq":')[2].partition(b",")[0])
            if seq != after + 1:
                stats.gaps.append((after, seq))
            after = seq
            stats.record(seq, frame, now)
    writer.transport.abort()
    return after, True


async def read(reader: asyncio.StreamReader) -> bytes:
    """Return the next bytes, or no bytes if the API has died."""
    try:
        return await reader.read(2**16)
    except ConnectionResetError:
        return b""


def first_frame(data: bytes) -> bytes:
    """Return the first WebSocket frame in *data*, or no bytes if that frame is incomplete."""
    if len(data) < 4:
        return b""
    end = 2 + data[1] if data[1] < 126 else 4 + int.from_bytes(data[2:4])
    return data[:end] if end <= len(data) else b""


async def main(port: str, path: str, last: str, milestone: str) -> None:
    """
    Start a watcher for each position read from stdin, and print the results as JSON.

    Before that, print a line when all watchers have seen line number *milestone*.
    """
    positions, connection_slots = json.load(sys.stdin), asyncio.Semaphore(CONCURRENT_CONNECTIONS)
    stats = WatcherStats(int(last), int(milestone), remaining_watchers=len(positions))
    await asyncio.gather(
        *(watch(int(port), path, position, stats, connection_slots) for position in positions)
    )
    results = {
        "positions": stats.positions,
        "gaps": stats.gaps,
        "hundredths": quantiles(stats.lags, n=100, method="inclusive"),
    }
    sys.stdout.write(json.dumps(results))


asyncio.run(main(*sys.argv[1:]))
