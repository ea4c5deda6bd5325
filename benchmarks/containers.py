"""The application that is deployed into containers, with a layer of dependencies that stays."""

from pathlib import Path

from benchmarks.deploying import Source
from tests.acceptance.apps import repository_of
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


def container_source(path: Path) -> Source:
    """Return a repository with a Dockerfile, whose base image is there."""
    ensure(_BASE)
    return Source(repository_of(path, {"Dockerfile": _DOCKERFILE, "app.py": _APP}), "app.py")
