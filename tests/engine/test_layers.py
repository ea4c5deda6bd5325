"""What was built once is not built again."""

from pathlib import Path

import pytest
from tests.engine.opened import Docker

from pushpaka_core.domain.build_plans import OwnDockerfile
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
