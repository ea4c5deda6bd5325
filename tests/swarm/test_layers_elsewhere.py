"""What one machine has built is not built again on another, whose engine has never seen it."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread
from attrs import frozen
from tests.engine.base_images import DEBIAN
from tests.swarm.machines import Swarm
from tests.swarm.opened import OnSwarm, opened_swarm

from pushpaka_core.domain.build_plans import BuildPlan, OwnDockerfile
from pushpaka_core.testing.applications import Told, build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.needs("swarm"), pytest.mark.needs("docker")]

OWN = plan(dockerfile=OwnDockerfile())
DOCKERFILE = f"""\
FROM {DEBIAN} AS tools
RUN echo tools > /tools
FROM tools AS build
RUN --mount=type=cache,target=/kept cat /tools > /slow
COPY main.sh /
RUN cat /slow /main.sh > /made
FROM {DEBIAN} AS unused
RUN exit 3
FROM {DEBIAN}
RUN echo last > /last
COPY --from=build /made /
"""
GENERATED = plan(build=(step("cat main.sh > made"),), processes={"web": step("exec sleep 60")})


@frozen(kw_only=True)
class Machines:
    """Two machines that build for one instance."""

    here: OnSwarm
    there: OnSwarm
    _swarm: Swarm
    _directory: Path

    @property
    def kept(self) -> list[str]:
        """Return of what the registry has layers."""
        tags = self._swarm.registry.tags(f"apps/{self.here.marks.prefix}")
        return [tag for tag in tags if tag.startswith("layers-")]

    async def build(
        self, machine: OnSwarm, wanted: BuildPlan, main: str, *, number: int
    ) -> list[str]:
        """Build for the project of that number, and return which commands were not run again."""
        told, files = Told(), {"Dockerfile": DOCKERFILE, "main.sh": main}
        source = await checkout(self._directory / uuid4().hex, files)
        await build(machine.builder, source, wanted, told=told, number=number)
        return sorted(
            command
            for command, _, ending in (said.partition(" (") for said in told.sentences)
            if " RUN " in command and ending == "as before)"
        )


@pytest.fixture(scope="module")
async def machines(
    swarm: Swarm, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machines]:
    directory = tmp_path_factory.mktemp("machines")
    await to_thread.run_sync(partial(swarm.load, DEBIAN, node=swarm.worker))
    async with opened_swarm(directory / "here", swarm) as here:
        platform, url = here.marks.platform, swarm.worker.url
        async with opened_swarm(directory / "there", swarm, platform=platform, url=url) as there:
            yield Machines(here=here, there=there, swarm=swarm, directory=directory)


async def test_stages_of_an_own_dockerfile_are_had_from_the_registry(machines: Machines) -> None:
    """All that the image is made of, and nothing of what it is not; they go with the project."""
    first = await machines.build(machines.here, OWN, "echo v1", number=3)
    await machines.build(machines.here, OWN, "echo v2", number=3)
    there = await machines.build(machines.there, OWN, "echo v3", number=3)
    kept = machines.kept
    await machines.here.builder.forget(3)

    assert [] == first
    assert [
        "[build 1/3] RUN cat /tools > /slow",
        "[stage-3 2/3] RUN echo last > /last",
        "[tools 2/2] RUN echo tools > /tools",
    ] == there
    assert ["layers-3", "layers-3-build", "layers-3-tools"] == kept
    assert [] == machines.kept


async def test_builds_of_a_plan_are_had_from_the_registry(machines: Machines) -> None:
    """As those of any Dockerfile; stages that are no more are forgotten."""
    await machines.build(machines.here, OWN, "echo v1", number=33)
    first = await machines.build(machines.here, GENERATED, "echo v1", number=33)
    there = await machines.build(machines.there, GENERATED, "echo v1", number=33)

    assert [] == first
    assert ["[build 3/3] RUN cat main.sh > made"] == there
    assert ["layers-33", "layers-33-build"] == machines.kept
