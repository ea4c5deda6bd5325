"""
A server with responses, streams and WebSockets that contain its process id and version.

Tests deploy this file unchanged, and never import it.
"""

import base64
import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "v1"
CLOSES_WEBSOCKETS = False
"""Whether SIGTERM closes WebSockets with the code 1012 first, as uvicorn and others do."""
stopping = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Returns the version, streams for a while or until a file exists, or sends ticks forever."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Head and body leave together: the second would wait for the first's receipt.

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.send_ticks()
        elif self.path.startswith("/until/"):
            self.send_chunks(Path(self.path.removeprefix("/until")).exists)
        elif self.path.startswith("/for/"):
            end = time.monotonic() + float(self.path.removeprefix("/for/"))
            self.send_chunks(lambda: time.monotonic() > end)
        else:
            self.send_response_with_body(VERSION.encode())

    def do_POST(self) -> None:
        self.send_response_with_body(self.rfile.read(int(self.headers["Content-Length"])))

    def send_response_with_body(self, body: bytes) -> None:
        self.send_head(200, {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def send_chunks(self, is_over: Callable[[], bool]) -> None:
        self.send_head(200, {"Transfer-Encoding": "chunked"})
        while not is_over():
            self.wfile.write(b"5\r\nchunk\r\n")
            self.wfile.flush()
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def send_ticks(self) -> None:
        key = self.headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(
            hashlib.sha1(key + MAGIC, usedforsecurity=False).digest()
        ).decode()
        upgraded = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        self.send_head(101, upgraded)
        while not stopping.is_set():
            self.wfile.write(b"\x81\x04tick")
            self.wfile.flush()
            time.sleep(0.05)
        self.wfile.write(b"\x88\x02" + (1012).to_bytes(2, "big"))
        self.close_connection = True

    def send_head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "X-Process": sys.argv[1], "X-Version": VERSION}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if len(sys.argv) == 1:
    # The name in its command line identifies the process on the host, in a container too.
    os.execv(sys.executable, [sys.executable, *sys.argv, uuid4().hex])  # noqa: S606
server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)


def stop(*_: object) -> None:
    """End the threads of all connections, and then the program."""
    stopping.set()
    server.server_close()
    raise SystemExit


if CLOSES_WEBSOCKETS:
    server.daemon_threads = False  # So that `server_close` waits for them.
    signal.signal(signal.SIGTERM, stop)
server.serve_forever()
