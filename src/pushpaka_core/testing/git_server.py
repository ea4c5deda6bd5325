"""An HTTP server for Git repositories that simulates faults and attacks against a client."""

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from attrs import define, field

from pushpaka_core.testing.commit_status_apis import API, ReportedStatus, receive_status

TOKEN = "t0ken-of-the-test"


@define
class GitServer:
    """
    The behavior of the server, and the requests that it received.

    Every Git request gets a normal response unless one of these fields is set:

    - `requires_token`: requests without TOKEN as the password get status 401.
    - `is_static`: serve files only, as a web server without Git support does.
    - `lacks_protocol_v2`: do not offer protocol version 2.
    - `redirects_to`: redirect every request to this URL.
    - `requires_suffix`: redirect requests without `.git` in the path.
    - `hangs`: do not answer.
    - `echoes_credentials`: answer with an error that contains the credentials of the request.
    - `trickles`: send one byte every 0.1 s, forever.
    """

    root: Path
    port: int = 0
    requires_token: bool = False
    is_static: bool = False
    lacks_protocol_v2: bool = False
    redirects_to: str | None = None
    requires_suffix: bool = False
    hangs: bool = False
    echoes_credentials: bool = False
    trickles: bool = False
    requests: list[str] = field(factory=list)
    statuses: list[ReportedStatus] = field(factory=list)
    """The accepted commit statuses, from the API of any Git provider."""
    next_errors: list[int] = field(factory=list)
    """The status codes of the next responses to commit statuses. Each is used once."""
    closing: Event = field(factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/shop"


class _Handler(BaseHTTPRequestHandler):
    git_server: GitServer

    def do_GET(self) -> None:
        self.git_server.requests.append(f"{self.headers['Host']} {self.path}")
        if self.git_server.redirects_to:
            self._send(302, {"Location": self.git_server.redirects_to + self.path})
        elif self.git_server.requires_suffix and not self.path.startswith("/shop.git/"):
            self._send(301, {"Location": self.path.replace("/shop/", "/shop.git/")})
        elif self.git_server.hangs:
            self.git_server.closing.wait(60)
        elif self.git_server.trickles:
            self._trickle()
        elif self.git_server.echoes_credentials:
            self._echo_credentials()
        elif self.git_server.requires_token and not self._is_authorized():
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'})
        elif self.git_server.is_static:
            self._send_file()
        else:
            self._run_backend()

    def do_POST(self) -> None:
        if API.fullmatch(self.path):
            self._take_status()
        else:
            self.do_GET()

    def _take_status(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.git_server.next_errors:
            self._send(self.git_server.next_errors.pop(0))
            return
        status, commit_status = receive_status(self.path, dict(self.headers), body, token=TOKEN)
        if commit_status is not None:
            self.git_server.statuses.append(commit_status)
        self._send(status)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _is_authorized(self) -> bool:
        scheme, _, pair = self.headers.get("Authorization", "").partition(" ")
        return scheme == "Basic" and base64.b64decode(pair).endswith(f":{TOKEN}".encode())

    def _send(
        self, status: int, headers: Mapping[str, str] | None = None, *, body: bytes = b""
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        while not self.git_server.closing.wait(0.1):
            self.wfile.write(b"0")
            self.wfile.flush()

    def _echo_credentials(self) -> None:
        """Answer with a Git error that repeats the credentials of the request."""
        proof = self.headers.get("Authorization", "")
        pair = base64.b64decode(proof.removeprefix("Basic ")).decode()
        packets = [b"# service=git-upload-pack\n", b"", f"ERR no {proof} ({pair})\n".encode()]
        body = b"".join(b"%04x%b" % (len(p) + 4, p) if p else b"0000" for p in packets)
        kind = "application/x-git-upload-pack-advertisement"
        self._send(200, {"Content-Type": kind}, body=body)

    def _send_file(self) -> None:
        path = (
            self.git_server.root / "shop/.git" / self.path.partition("?")[0].removeprefix("/shop/")
        )
        if path.is_file():
            self._send(200, body=path.read_bytes())
        else:
            self._send(404)

    def _run_backend(self) -> None:
        path, _, query = self.path.replace("/shop.git/", "/shop/").partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.git_server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": ""
            if self.git_server.lacks_protocol_v2
            else self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
        answer = subprocess.run(
            [shutil.which("git") or "git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,
            env=environment,
        ).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self._send(int(headers.pop("Status", "200").split()[0]), headers, body=content)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def open_git_server(root: Path) -> Iterator[GitServer]:
    """
    Serve the repositories below *root* on a free port of the loopback interface.

    The server stops at the end of the block.
    """
    git_server = GitServer(root)
    handler = type("Handler", (_Handler,), {"git_server": git_server})
    with _Server(("127.0.0.1", 0), handler) as server:
        git_server.port = server.server_address[1]
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield git_server
        finally:
            git_server.closing.set()
            server.shutdown()
            serving.join()
