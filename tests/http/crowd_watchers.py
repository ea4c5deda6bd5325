"""A crowd that watches one log by WebSockets, in a process of its own so that it costs little."""

import asyncio
import json
import sys
import time
from datetime import datetime
from statistics import quantiles

from attrs import define, field

CLOSE, PING, PONG, NO_MASK = 0x88, 0x89, 0x8A, bytes(4)
AT_THE_DOOR = 50
"""How many of the crowd ask to come in at the same time."""


@define
class Sights:
    """What the crowd has seen together."""

    last: int
    """The line that all wait for."""
    places: list[int] = field(factory=list)
    """The last line that each of those who have left has seen."""
    gaps: list[tuple[int, int]] = field(factory=list)
    written: dict[int, float] = field(factory=dict)
    """When each line was written."""
    seen: dict[int, float] = field(factory=dict)
    """When the last of the crowd saw each line."""
    lags: list[float] = field(factory=list)
    """How many seconds after that each of them saw each line."""

    def note(self, seq: int, frame: bytes, now: float) -> None:
        """Note that one more has seen a line."""
        if seq not in self.written:
            created_at = json.loads(frame[frame.index(b"{") :])["created_at"]
            self.written[seq] = datetime.fromisoformat(created_at).timestamp()
        self.seen[seq] = now
        self.lags.append(now - self.written[seq])


async def watch(port: int, path: str, after: int, sights: Sights, door: asyncio.Semaphore) -> None:
    """See the lines after *after*, up to the last, or as long as the API lives."""
    async with door:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        writer.write(
            f"GET {path}&after={after} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        rest = (await reader.readuntil(b"\r\n\r\n"))[:0]
    while after < sights.last:
        if not (data := await read(reader)):
            break
        rest, now = rest + data, time.time()
        while frame := first_frame(rest):
            rest = rest[len(frame) :]
            if frame[0] == PING:
                writer.write(bytes([PONG, 0x80 | frame[1], *NO_MASK]) + frame[2:])
                continue
            if frame[0] == CLOSE:
                raise EOFError(int.from_bytes(frame[2:4]))
            seq = int(frame.partition(b'"seq":')[2].partition(b",")[0])
            if seq != after + 1:
                sights.gaps.append((after, seq))
            after = seq
            sights.note(seq, frame, now)
    sights.places.append(after)
    writer.transport.abort()


async def read(reader: asyncio.StreamReader) -> bytes:
    """Return what comes next, or nothing where the API has died."""
    try:
        return await reader.read(2**16)
    except ConnectionResetError:
        return b""


def first_frame(data: bytes) -> bytes:
    """Return the first frame of *data*, or nothing while it is not there as a whole."""
    if len(data) < 4:
        return b""
    end = 2 + data[1] if data[1] < 126 else 4 + int.from_bytes(data[2:4])
    return data[:end] if end <= len(data) else b""


async def main(port: str, path: str, last: str) -> None:
    """Watch, each from its place on, and print what the crowd has seen."""
    sights, door = Sights(int(last)), asyncio.Semaphore(AT_THE_DOOR)
    places = json.load(sys.stdin)
    await asyncio.gather(*(watch(int(port), path, place, sights, door) for place in places))
    told = {
        "places": sights.places,
        "gaps": sights.gaps,
        "hundredths": quantiles(sights.lags, n=100, method="inclusive"),
        "lag": max(sights.seen[seq] - written for seq, written in sights.written.items()),
        "seconds": max(sights.seen.values()) - min(sights.written.values()),
    }
    sys.stdout.write(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))
