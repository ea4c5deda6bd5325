"""A mirror of Python builds on the loopback interface, with the version that runs the tests."""

import json
import platform
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Event, Thread

from attrs import define, field

VERSION = platform.python_version()
MINOR = ".".join(VERSION.split(".")[:2])
MISSING = "3.8.250"
"""A Python version that the mirror lists but does not have."""

_LEFT_OUT = frozenset(
    {"__pycache__", "test", "idlelib", "site-packages", "dist-packages", "tkinter", "turtledemo"}
)
_OFFICIAL = "https://github.com/astral-sh/python-build-standalone/releases/download/"


@define
class PythonMirror:
    """A running mirror: its port, and the paths that clients have requested."""

    port: int = 0
    requested_paths: list[str] = field(factory=list)
    may_respond: Event = field(factory=Event)
    """Responses are delayed until this event is set."""

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that make uv download from the mirror."""
        base = f"http://user:pass-word@127.0.0.1:{self.port}"
        return {
            "UV_PYTHON_INSTALL_MIRROR": f"{base}/mirror",
            "UV_PYTHON_DOWNLOADS_JSON_URL": f"{base}/versions.json",
            "UV_HTTP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
        }


@contextmanager
def open_python_mirror(archive: bytes) -> Iterator[PythonMirror]:
    """Serve a list of versions, and *archive* as the version that runs the tests."""
    mirror = PythonMirror()
    mirror.may_respond.set()
    closing = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/versions.json":
                self._respond(200, json.dumps(_versions()).encode())
                return
            mirror.requested_paths.append(self.path)
            while not (mirror.may_respond.wait(0.05) or closing.is_set()):
                """Delay the response until `may_respond` is set."""
            is_available = self.path.endswith(f"{VERSION}.tar.gz")
            self._respond(200 if is_available else 404, archive if is_available else b"")

        def _respond(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        mirror.port = server.server_port
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield mirror
        finally:
            closing.set()
            server.shutdown()
            thread.join()


def python_archive() -> bytes:
    """Return an archive of this Python in the layout of relocatable builds."""
    packed = BytesIO()
    executable = Path(sys.base_prefix, "bin", f"python{MINOR}")
    library = Path(sysconfig.get_path("stdlib"))
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        archive.add(executable.resolve(), f"python/bin/python{MINOR}")
        archive.add(library, f"python/lib/python{MINOR}", filter=_include)
        for shared in Path(sys.base_prefix, "lib").glob("libpython3*.so*"):
            archive.add(shared, f"python/lib/{shared.name}")
    return packed.getvalue()


def _include(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = member.name.split("/")
    is_config = any(part.startswith("config-") for part in parts)
    # The Python of a Linux distribution has such links. uv refuses them.
    is_absolute_link = member.issym() and member.linkname.startswith("/")
    is_left_out = is_config or is_absolute_link or not _LEFT_OUT.isdisjoint(parts)
    return None if is_left_out else member


def _versions() -> dict[str, object]:
    return {f"cpython-{v}-{platform.machine()}": _listed(v) for v in (VERSION, MISSING)}


def _listed(version: str) -> dict[str, object]:
    major, minor, patch = map(int, version.split("."))
    return {
        "name": "cpython",
        "arch": {"family": platform.machine(), "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": f"{_OFFICIAL}20250101/cpython-{version}.tar.gz",
        "sha256": None,
        "variant": None,
        "build": "20250101",
    }
