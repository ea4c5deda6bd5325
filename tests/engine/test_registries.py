"""Images that have to be fetched first: from a mirror, once; and from registries that are away."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after, to_thread
from attrs import evolve
from tests.engine.base_images import DEBIAN
from tests.engine.opened import Docker
from tests.engine.registry import mute_registry, open_registry, silent_registry

from pushpaka_core.adapters.docker.build import Bounds
from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.docker.contexts import Contexts
from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.applications import Told, build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_PLANS: Mapping[str, tuple[dict[str, Any], str]] = {
    "plan": ({}, "PUSHPAKA_IMAGE_PREFIX"),
    "dockerfile": ({"dockerfile": OwnDockerfile()}, "Check its name in the Dockerfile"),
}


def _mirrored(docker: Docker, registry: str) -> DockerBuilder:
    """Return a builder that takes base images from *registry*, and is impatient."""
    contexts = Contexts(
        salt=b"salt", tree_of=lambda path: load_tree(path, ""), prefix=f"{registry}/"
    )
    return evolve(docker.builder, contexts=contexts, bounds=Bounds(silence_seconds=20))


def _registry(kind: str, directory: Path) -> AbstractContextManager[str]:
    match kind:
        case "mute":
            return mute_registry()
        case "silent":
            return silent_registry(directory)
        case _:
            return nullcontext("127.0.0.1:1")


@pytest.fixture
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with _registry(request.param, tmp_path) as address:
        yield address


@pytest.mark.parametrize(
    ("registry", "kind", "why"),
    [
        ("refusing", "plan", "its registry refuses connections"),
        ("refusing", "dockerfile", "its registry refuses connections"),
        ("mute", "plan", "its registry does not answer"),
        ("mute", "dockerfile", "its registry does not answer"),
        ("silent", "dockerfile", "its registry does not answer"),
    ],
    indirect=["registry"],
)
async def test_registry_that_is_away_is_said_with_the_name_of_the_image(
    docker: Docker, tmp_path: Path, registry: str, kind: str, why: str
) -> None:
    """In a sentence that tells what to do, and long before the build's own deadline."""
    fields, advice = _PLANS[kind]
    image = f"{registry}/{DEBIAN}"
    source = await checkout(tmp_path / "source", {"Dockerfile": f"FROM {image}\n"})

    with fail_after(60), pytest.raises(BuildError) as caught:
        await build(_mirrored(docker, registry), source, plan(**fields))

    assert f"The image {image} could not be fetched: {why}. " in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.needs("registry")
@pytest.mark.parametrize("kind", _PLANS)
async def test_image_that_no_registry_has_is_said(
    docker: Docker, tmp_path: Path, kind: str
) -> None:
    """A misspelt name is nobody's outage."""
    await to_thread.run_sync((tmp_path / "kept").mkdir)
    async with open_registry(tmp_path / "kept") as registry:
        image = f"{registry}/{DEBIAN}"
        source = await checkout(tmp_path / "source", {"Dockerfile": f"FROM {image}\n"})

        with fail_after(60), pytest.raises(BuildError) as caught:
            await build(_mirrored(docker, registry), source, plan(**_PLANS[kind][0]))

    assert f"The image {image} could not be fetched: its registry has no such image." in str(
        caught.value
    )


@pytest.mark.needs("registry")
async def test_base_images_are_fetched_from_a_mirror_once(docker: Docker, tmp_path: Path) -> None:
    """The log tells how far it is; the next build needs no registry any more."""
    told, wanted = [Told(), Told()], plan(build=(step("cat /made | wc -c"),))
    sources = [await checkout(tmp_path / name, {"main.sh": name}) for name in ("one", "two")]
    await to_thread.run_sync((tmp_path / "kept").mkdir)
    async with open_registry(tmp_path / "kept") as registry:
        image = f"{registry}/{DEBIAN}"
        await to_thread.run_sync(_push, image)
        builder = _mirrored(docker, registry)
        try:
            await build(builder, sources[0], wanted, told=told[0])
        except BaseException:
            await to_thread.run_sync(_docker, "rmi", "--force", image)
            raise
    try:
        await build(builder, sources[1], wanted, told=told[1])
    finally:
        await to_thread.run_sync(_docker, "rmi", "--force", image)

    assert [f"Fetching the image {image}, which is kept for the next builds"] == [
        one for one in told[0].sentences if one.startswith("Fetching")
    ]
    assert any(one.startswith(f"{image} is here (") for one in told[0].sentences)
    assert not [one for one in told[1].sentences if one.startswith("Fetching")]


def _push(image: str) -> None:
    """Have a registry hold an image that the engine does not have."""
    container = _docker("create", DEBIAN, "true")
    _docker("commit", container, image)
    _docker("rm", container)
    _docker("push", "--quiet", image)
    _docker("rmi", image)


def _docker(*arguments: str) -> str:
    ran = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return ran.stdout.strip()
