"""What was built once is not built again."""

from pathlib import Path

import pytest
from anyio import to_thread
from tests.engine.opened import Docker

from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.applications import Told, build, checkout, plan

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_DOCKERFILE = "FROM debian:trixie-slim\nRUN echo $((6 * 7)) > /installed\nCOPY main.sh /\n"


async def test_commands_before_the_sources_are_not_run_again(
    docker: Docker, tmp_path: Path
) -> None:
    """A change of the sources does not install what they need once more."""
    told = [Told(), Told()]

    for number, each in enumerate(told):
        files = {"Dockerfile": _DOCKERFILE, "main.sh": f"echo {number} {tmp_path}"}
        source = await checkout(tmp_path / str(number), files)
        await build(docker.builder, source, plan(dockerfile=OwnDockerfile()), told=each)

    (installed,) = (said for said in told[1].sentences if "RUN" in said)
    assert installed.endswith("(as before)")
    assert not any(said.endswith("COPY main.sh / (as before)") for said in told[1].sentences)


async def test_stage_and_context_are_those_that_are_named(docker: Docker, tmp_path: Path) -> None:
    """The image is that of the stage, and copies from above the application."""
    dockerfile = (
        "FROM debian:trixie-slim AS first\nCOPY shared/name /name\nCMD cat /name\n"
        "FROM debian:trixie-slim AS last\nRUN exit 3\n"
    )
    files = {"apps/web/deploy/app.dockerfile": dockerfile, "shared/name": f"shop {tmp_path}"}
    source = await checkout(tmp_path / "source", files)
    own = OwnDockerfile(path="deploy/app.dockerfile", target="first", context="../..")

    artifact = await build(docker.builder, source, plan(directory="apps/web", dockerfile=own))

    run = docker.engine.client.containers.run
    said = await docker.engine.call(run, artifact.name, remove=True)
    assert f"shop {tmp_path}".encode() == said


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (OwnDockerfile(target="release"), 'target stage "release" could not be found'),
        (OwnDockerfile(context="missing"), "There is no directory missing in the repository"),
        (OwnDockerfile(context="../.."), "../.. leads out of the repository"),
        (OwnDockerfile(context="linked"), "linked leads out of the repository"),
    ],
)
async def test_stage_and_context_that_are_not_there_are_told(
    docker: Docker, tmp_path: Path, own: OwnDockerfile, sentence: str
) -> None:
    """With what was said, so that it can be mended."""
    source = await checkout(tmp_path / "source", {"app/Dockerfile": _DOCKERFILE, "main.sh": ""})
    await to_thread.run_sync((source / "app" / "linked").symlink_to, "/etc")

    with pytest.raises(BuildError) as refusal:
        await build(docker.builder, source, plan(directory="app", dockerfile=own))

    assert sentence in str(refusal.value)
