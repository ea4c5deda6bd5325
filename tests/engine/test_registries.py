"""Tests that base images are pulled once, and that a failing registry is reported."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after
from attrs import evolve
from tests.engine.base_images import DEBIAN
from tests.engine.opened import Docker
from tests.engine.registry import open_registry, unresponsive_registry

from pushpaka_core.adapters.docker.build import BuildLimits
from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.docker.contexts import BuildContexts
from pushpaka_core.adapters.docker.image_puller import ImagePuller
from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.domain.pipeline.build_plans import RepositoryDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.applications import BuildRecorder, build, checkout, plan

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_SILENCE_SECONDS = 2
"""The timeout for a registry that never responds."""
_LIMIT_SECONDS = 60


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


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        pytest.param({}, "PUSHPAKA_IMAGE_PREFIX", id="plan"),
        pytest.param(
            {"dockerfile": RepositoryDockerfile()},
            "Check the name in the Dockerfile",
            id="dockerfile",
        ),
    ],
)
@pytest.mark.parametrize(
    ("registry", "reason", "timeout"),
    [
        ("refusing", "its registry refuses connections", _LIMIT_SECONDS),
        ("mute", "its registry is not responding", _SILENCE_SECONDS),
        pytest.param(
            *("empty", "its registry has no such image", _LIMIT_SECONDS),
            marks=pytest.mark.needs("registry"),
        ),
    ],
    indirect=["registry"],
)
async def test_missing_base_image_is_reported_with_its_name(
    docker: Docker,
    tmp_path: Path,
    registry: str,
    *,
    reason: str,
    timeout: float,
    fields: dict[str, Any],
    advice: str,
) -> None:
    """The build fails long before its own timeout, with the cause and a remedy."""
    image = f"{registry}/{DEBIAN}"
    source = await checkout(tmp_path / "source", {"Dockerfile": f"FROM {image}\n"})
    builder = _builder_with_mirror(docker, registry, timeout)

    with fail_after(_LIMIT_SECONDS), pytest.raises(BuildError) as failure:
        await build(builder, source, plan(**fields))

    assert f"The image {image} could not be pulled: {reason}. " in str(failure.value)
    assert advice in str(failure.value)


@pytest.mark.needs("registry")
async def test_base_image_is_pulled_once(docker: Docker, tmp_path: Path) -> None:
    """The first build logs the pull. The next one works even after the registry has stopped."""
    pulls, first, again = (
        ImagePuller(engine=docker.engine, registry_timeout=60),
        BuildRecorder(),
        BuildRecorder(),
    )
    with open_registry(tmp_path) as registry:
        image = f"{registry.address}/tiny:1"
        await docker.import_image(image)
        await docker.ask(lambda client: client.images.push(image))
        await docker.ask(lambda client: client.images.remove(image))
        await pulls.ensure(image, first.report)
    await pulls.ensure(image, again.report)
    await docker.ask(lambda client: client.images.remove(image))

    assert f"Pulling the image {image}. Later builds reuse it." == first.messages[0]
    assert first.messages[-1].startswith(f"Pulled {image} (")
    assert [] == again.messages


def _builder_with_mirror(docker: Docker, registry: str, timeout: float) -> DockerBuilder:
    """Return a builder that pulls base images from *registry*, with *timeout* in seconds."""
    contexts = BuildContexts(
        salt=b"salt", tree_of=lambda path: load_tree(path, ""), registry_prefix=f"{registry}/"
    )
    return evolve(
        docker.builder, build_contexts=contexts, limits=BuildLimits(registry_timeout=timeout)
    )
