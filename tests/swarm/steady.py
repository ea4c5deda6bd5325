"""
An application that responds with its version, and continues for a moment after SIGTERM.

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
FAREWELL_SECONDS = 1


class Handler(BaseHTTPRequestHandler):
    """Responds with the version, and slowly or with a printed line if the path asks for that."""

    def do_GET(self) -> None:
        """Respond to a request for any path."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.path.split("/")[1:]:
            case ["for", seconds]:
                time.sleep(float(seconds))
            case ["print", text]:
                sys.stdout.write(f"{text}\n")
                sys.stdout.flush()
        body = os.environ.get("COLOR", VERSION).encode()
        self.send_response(200)
        self.send_header("X-Process", PROCESS)
        self.send_header("X-Version", VERSION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the server's own name

    def log_message(self, *_: object) -> None:
        """Log no request."""


def shut_down() -> None:
    """Shut down after a delay, in which the router stops sending requests."""
    time.sleep(FAREWELL_SECONDS)
    server.shutdown()


server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: Thread(target=shut_down).start())
server.serve_forever()
server.server_close()
