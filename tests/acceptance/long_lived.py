"""
Answers, streams, opens WebSockets, and says in each answer which process and version it is of.

It is deployed as it is, and never imported.
"""

import base64
import hashlib
import os
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "v1"


class Handler(BaseHTTPRequestHandler):
    """Greets, streams for a while or until a file is there, or sends ticks without end."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Head and body leave together: the second would wait for the first's receipt.

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.tick_on()
        elif self.path.startswith("/until/"):
            self.stream(Path(self.path.removeprefix("/until")).exists)
        elif self.path.startswith("/for/"):
            end = time.monotonic() + float(self.path.removeprefix("/for/"))
            self.stream(lambda: time.monotonic() > end)
        else:
            self.say(VERSION.encode())

    def do_POST(self) -> None:
        self.say(self.rfile.read(int(self.headers["Content-Length"])))

    def say(self, body: bytes) -> None:
        self.begin(200, {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def stream(self, is_over: Callable[[], bool]) -> None:
        self.begin(200, {"Transfer-Encoding": "chunked"})
        while not is_over():
            self.wfile.write(b"5\r\nchunk\r\n")
            self.wfile.flush()
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def tick_on(self) -> None:
        key = self.headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(
            hashlib.sha1(key + MAGIC, usedforsecurity=False).digest()
        ).decode()
        upgraded = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        self.begin(101, upgraded)
        while True:
            self.wfile.write(b"\x81\x04tick")
            self.wfile.flush()
            time.sleep(0.05)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "X-Process": sys.argv[1], "X-Version": VERSION}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if len(sys.argv) == 1:
    # With a name in its command line the host can tell it from its like, in a container too.
    os.execv(sys.executable, [sys.executable, *sys.argv, uuid4().hex])  # noqa: S606
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
