"""The application for benchmarks with containers, whose layer of dependencies does not change."""

from pathlib import Path

from benchmarks.deployments import VersionedSource
from tests.acceptance.tools.apps import repository_of
from tests.engine.base_images import ensure

_BASE = "python:3.13-slim"
_DOCKERFILE = f"""\
FROM {_BASE}
RUN python -m venv --without-pip /dependencies
WORKDIR /app
COPY app.py .
CMD ["python", "app.py"]
"""
_APP = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"v1.")


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def container_source(path: Path) -> VersionedSource:
    """Return a repository with a Dockerfile, and make sure that its base image is available."""
    ensure(_BASE)
    return VersionedSource(
        repository_of(path, {"Dockerfile": _DOCKERFILE, "app.py": _APP}), "app.py"
    )
