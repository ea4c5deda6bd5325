"""Tests slow and refusing registries of images on Docker."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from anyio import fail_after
from attrs import evolve
from tests.engine.opened import Docker
from tests.engine.registry import open_registry, unresponsive_registry

from pushpaka_core.domain.projects.images import RegistryCredentials, parse_image
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.images import PullRequest
from pushpaka_core.testing.applications import PROJECT_NUMBER, BuildRecorder, new_lease

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_DIGEST = f"sha256:{'a' * 64}"
_LIMIT = timedelta(seconds=60)
_SILENCE = timedelta(seconds=2)
"""The timeout for a registry that does not respond."""


class _Registry(BaseHTTPRequestHandler):
    """A registry that answers every request for an image with `status` and `headers`."""

    status = 200
    headers_of_image: Mapping[str, str] = {"Content-Length": "0"}

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name in {"do_GET", "do_HEAD"}:
            return self._respond
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _respond(self) -> None:
        is_image = self.path != "/v2/"
        self.send_response(self.status if is_image else 200)
        headers = self.headers_of_image if is_image else {"Content-Length": "0"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if is_image and self.command == "GET" and headers["Content-Length"] != "0":
            self.rfile.read(1)  # Until the engine closes the connection.


@contextmanager
def _serving(handler: type[_Registry]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class _Stalling(_Registry):
    """Announces a manifest, and never sends its content."""

    headers_of_image: Mapping[str, str] = {
        "Content-Type": "application/vnd.oci.image.manifest.v1+json",
        "Docker-Content-Digest": _DIGEST,
        "Content-Length": "1000",
    }


@pytest.fixture
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    match request.param:
        case "refusing":
            yield "127.0.0.1:1"
        case "mute":
            with unresponsive_registry() as address:
                yield address
        case "empty":
            with open_registry(tmp_path) as server:
                yield server.address
        case int() as status:
            with _serving(type("_Refusing", (_Registry,), {"status": status})) as address:
                yield address


@pytest.mark.parametrize(
    ("registry", "timeout", "reason"),
    [
        ("refusing", _LIMIT, "its registry refuses connections"),
        ("mute", _SILENCE, "its registry is not responding"),
        pytest.param(
            *("empty", _LIMIT, "its registry has no such image"),
            marks=pytest.mark.needs("registry"),
        ),
        (403, _LIMIT, "its registry has no such image, or the image is private"),
        (429, _LIMIT, "its registry is limiting requests"),
        (503, _LIMIT, "its registry responded with"),
    ],
    indirect=["registry"],
)
async def test_failing_registry_is_reported_with_a_remedy(
    docker: Docker, registry: str, timeout: timedelta, reason: str
) -> None:
    """The deployment fails soon, and its message never contains the credentials."""
    image = parse_image(f"{registry}/acme/shop:1.4")
    credentials = RegistryCredentials(user="ann", password="s3cret-token")

    with fail_after(_LIMIT.total_seconds()), pytest.raises(SourceError) as failure:
        await docker.image_source.resolve(image, credentials, timeout=timeout)

    assert f"The image {image} could not be pulled: {reason}" in str(failure.value)
    assert "the project's registry_credentials" in str(failure.value)
    assert "s3cret-token" not in str(failure.value)


@pytest.mark.parametrize(
    ("registry_timeout", "timeout", "reason"),
    [
        (_SILENCE, _LIMIT, "its registry is not responding"),
        (_LIMIT, _SILENCE, "could not be pulled within"),
    ],
)
async def test_stalled_pull_ends_and_leaves_nothing(
    docker: Docker, registry_timeout: timedelta, timeout: timedelta, reason: str
) -> None:
    """A pull ends after a while without data, and at the latest after its own timeout."""
    recorder = BuildRecorder()
    source = evolve(docker.image_source, registry_timeout=registry_timeout.total_seconds())
    with _serving(_Stalling) as address:
        image = parse_image(f"{address}/acme/shop:1.4@{_DIGEST}")
        request = PullRequest(lease=new_lease(), project_number=PROJECT_NUMBER, image=image)

        with fail_after(_LIMIT.total_seconds()), pytest.raises(SourceError) as failure:
            await source.pull(request, timeout=timeout, on_progress=recorder.report)

    assert reason in str(failure.value)
    assert [f"Pulling the image {image}"] == recorder.messages
    assert {} == await docker.builder.artifacts()
