"""
An ASGI application under uvicorn that only broadcasts messages to all WebSockets.

It reads commands from stdin and counts its watchers as the API of `tests.http.crowd_server` does.
Its messages have the same format, but they are not stored, so a late watcher misses some.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import uvicorn

Send = Callable[[Any], Awaitable[None]]

_watchers: set[Send] = set()


async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
    """Keep a WebSocket open until its client disconnects, or return the number of watchers."""
    if scope["type"] == "http":
        body = f"\npushpaka_log_watchers {len(_watchers)}\n".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
        return
    await receive()
    await send({"type": "websocket.accept"})
    _watchers.add(send)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    _watchers.discard(send)


async def _obey() -> None:
    loop = asyncio.get_running_loop()
    while text := await loop.run_in_executor(None, sys.stdin.readline):
        _, first, last, a_second, _ = text.split()
        begin = loop.time()
        for seq in range(int(first), int(last) + 1):
            await asyncio.sleep(begin + (seq - int(first)) / int(a_second) - loop.time())
            message = {"type": "websocket.send", "text": _line(seq)}
            for send in [*_watchers]:
                await send(message)


def _line(seq: int) -> str:
    line = {
        "id": f"00000000-0000-4000-8000-{seq:012}",
        "deployment_id": "00000000-0000-4000-8000-000000000000",
        "seq": seq,
        "level": "info",
        "stream": "system",
        "phase": "run",
        "message": f"line {seq}",
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    return json.dumps(line, separators=(",", ":"))


async def _main() -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=int(sys.argv[1]),
            log_level="error",
            ws="wsproto",
            ws_per_message_deflate=False,
        )
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    obeying = asyncio.create_task(_obey())
    await serving
    obeying.cancel()


if __name__ == "__main__":
    asyncio.run(_main())
