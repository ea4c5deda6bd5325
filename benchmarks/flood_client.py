"""Floods a server on 20 connections until stdin ends, and prints the close codes."""

import asyncio
import os
import struct
import sys
from collections import Counter
from contextlib import suppress

_SOCKETS = 20
_SIZE = 64 * 1024
"""Bytes of each write, which contains thousands of frames."""


def _frame(first_byte: int, payload: bytes = b"") -> bytes:
    """Return a client frame with a mask of zeros."""
    return bytes((first_byte, 0x80 | len(payload))) + b"\0\0\0\0" + payload


_PAUSE = 1
"""Seconds between a close and the connection that replaces it."""

FLOODS = {
    "empty frames": _frame(0x81),
    "1-byte frames": _frame(0x81, b"x"),
    "pings": _frame(0x89),
    "fragments": _frame(0x00),
    "1-byte chunks": b"1\r\nx\r\n",
}


async def _flood(port: int, head: bytes, kind: str, closes: Counter[str]) -> None:
    first = _frame(0x01) if kind == "fragments" else b""
    more = FLOODS[kind] * (_SIZE // len(FLOODS[kind]))
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            answer = b"" if kind == "1-byte chunks" else await reader.readuntil(b"\r\n\r\n")
            reading = asyncio.create_task(reader.read())
            writer.write(first)
            while not (reading.done() or writer.is_closing()):
                writer.write(more)
                draining = asyncio.create_task(_drain(writer))
                await asyncio.wait([reading, draining], return_when=asyncio.FIRST_COMPLETED)
                draining.cancel()
            with suppress(OSError):
                answer = await reading or answer
            closes[_told(answer)] += 1
            writer.transport.abort()
        await asyncio.sleep(_PAUSE)


async def _drain(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await writer.drain()


def _told(answer: bytes) -> str:
    if answer.startswith(b"HTTP/1.1 "):
        return answer[9:12].decode()
    at = answer.find(b"\x88")
    return str(struct.unpack("!H", answer[at + 2 : at + 4])[0]) if at >= 0 else "reset"


async def _main(port: int, kind: str, head: bytes) -> Counter[str]:
    closes: Counter[str] = Counter()
    sys.stdout.write(f"{kind}: ")
    sys.stdout.flush()
    floods = [asyncio.create_task(_flood(port, head, kind, closes)) for _ in range(_SOCKETS)]
    await asyncio.to_thread(sys.stdin.buffer.read)
    for flood in floods:
        flood.cancel()
    return closes


if __name__ == "__main__":
    found = asyncio.run(_main(int(sys.argv[1]), sys.argv[2], os.fsencode(sys.argv[3])))
    sys.stdout.write(f"closed {dict(found)}\n")
