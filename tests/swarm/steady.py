"""
Answers with its version, and goes on to do so for a moment after it was told to end.

It is deployed as it is, and never imported.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

PROCESS = uuid4().hex
VERSION = "v1"
FAREWELL = 1


class Handler(BaseHTTPRequestHandler):
    """Reads what is sent, and takes its time where a path asks for it."""

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.path.split("/")[1:]:
            case ["for", seconds]:
                time.sleep(float(seconds))
            case ["print", text]:
                sys.stdout.write(f"{text}\n")
                sys.stdout.flush()
        body = os.environ.get("COLOUR", VERSION).encode()
        self.send_response(200)
        self.send_header("X-Process", PROCESS)
        self.send_header("X-Version", VERSION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the server's own name

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def end() -> None:
    """Let the router find other places first."""
    time.sleep(FAREWELL)
    server.shutdown()


server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: Thread(target=end).start())
server.serve_forever()
server.server_close()
