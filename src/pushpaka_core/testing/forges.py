"""HTTP servers of the kinds that git meets, the hostile ones included."""

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

from pushpaka_core.testing.forge_apis import API, ToldStatus, take_status

TOKEN = "t0ken-of-the-test"


@define
class Forge:
    """A server, how it behaves, and what it was asked."""

    root: Path
    port: int = 0
    wants_token: bool = False
    is_dumb: bool = False
    is_old: bool = False
    redirects_to: str | None = None
    wants_suffix: bool = False
    hangs: bool = False
    tells_what_it_got: bool = False
    trickles: bool = False
    requests: list[str] = field(factory=list)
    statuses: list[ToldStatus] = field(factory=list)
    """What was told of commits, by the API of whichever forge it is taken for."""
    refusals: list[int] = field(factory=list)
    """With what the next ones to tell something are answered."""
    closing: Event = field(factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/shop"


class _Handler(BaseHTTPRequestHandler):
    forge: Forge

    def do_GET(self) -> None:
        self.forge.requests.append(f"{self.headers['Host']} {self.path}")
        if self.forge.redirects_to:
            self._say(302, {"Location": self.forge.redirects_to + self.path})
        elif self.forge.wants_suffix and not self.path.startswith("/shop.git/"):
            self._say(301, {"Location": self.path.replace("/shop/", "/shop.git/")})
        elif self.forge.hangs:
            self.forge.closing.wait(60)
        elif self.forge.trickles:
            self._trickle()
        elif self.forge.tells_what_it_got:
            self._tell_what_it_got()
        elif self.forge.wants_token and not self._is_known():
            self._say(401, {"WWW-Authenticate": 'Basic realm="forge"'})
        elif self.forge.is_dumb:
            self._give_file()
        else:
            self._run_backend()

    def do_POST(self) -> None:
        if API.fullmatch(self.path):
            self._take_status()
        else:
            self.do_GET()

    def _take_status(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.forge.refusals:
            self._say(self.forge.refusals.pop(0))
            return
        status, told = take_status(self.path, dict(self.headers), body, token=TOKEN)
        if told is not None:
            self.forge.statuses.append(told)
        self._say(status)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _is_known(self) -> bool:
        scheme, _, pair = self.headers.get("Authorization", "").partition(" ")
        return scheme == "Basic" and base64.b64decode(pair).endswith(f":{TOKEN}".encode())

    def _say(
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
        while not self.forge.closing.wait(0.1):
            self.wfile.write(b"0")
            self.wfile.flush()

    def _tell_what_it_got(self) -> None:
        """Refuse in the words of git, and repeat what was sent as a proof."""
        proof = self.headers.get("Authorization", "")
        pair = base64.b64decode(proof.removeprefix("Basic ")).decode()
        packets = [b"# service=git-upload-pack\n", b"", f"ERR no {proof} ({pair})\n".encode()]
        body = b"".join(b"%04x%b" % (len(p) + 4, p) if p else b"0000" for p in packets)
        kind = "application/x-git-upload-pack-advertisement"
        self._say(200, {"Content-Type": kind}, body=body)

    def _give_file(self) -> None:
        path = self.forge.root / "shop/.git" / self.path.partition("?")[0].removeprefix("/shop/")
        if path.is_file():
            self._say(200, body=path.read_bytes())
        else:
            self._say(404)

    def _run_backend(self) -> None:
        path, _, query = self.path.replace("/shop.git/", "/shop/").partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.forge.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": "" if self.forge.is_old else self.headers.get("Git-Protocol", ""),
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
        self._say(int(headers.pop("Status", "200").split()[0]), headers, body=content)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def open_forge(root: Path) -> Iterator[Forge]:
    """Serve the repositories below *root* on a free port of loopback."""
    forge = Forge(root)
    handler = type("Handler", (_Handler,), {"forge": forge})
    with _Server(("127.0.0.1", 0), handler) as server:
        forge.port = server.server_address[1]
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield forge
        finally:
            forge.closing.set()
            server.shutdown()
            serving.join()
