"""An engine with the adapters over it, and images to start."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from attrs import evolve
from tests.engine.opened import Docker, opened_docker

from pushpaka_core.domain.build_plans import BuildPlan, Step
from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import NUMBER, build, checkout, plan
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_instance

Prepare = Callable[..., Awaitable[StartRequest]]


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[Docker]:
    async with opened_docker(tmp_path / "docker") as opened:
        yield opened


@pytest.fixture
def prepare(docker: Docker, tmp_path: Path) -> Prepare:
    """Return what builds an application and gives what starts one of its processes."""

    async def build_and_describe(
        processes: Mapping[str, Step],
        *,
        files: Mapping[str, str] | None = None,
        number: int = NUMBER,
        port: int | None = None,
        settings: RunSettings | None = None,
        **fields: Any,
    ) -> StartRequest:
        wanted: BuildPlan = plan(processes=processes, **fields)
        source = await checkout(tmp_path / uuid4().hex, files or {"main.sh": ""})
        artifact = await build(docker.builder, source, wanted)
        project = evolve(a_project(a_user()), number=number)
        instance = evolve(an_instance(a_deployment(project)), id=InstanceId(uuid4()), port=port)
        return StartRequest(
            instance=instance,
            project=project,
            plan=wanted,
            artifact=artifact.name,
            settings=settings or RunSettings(),
        )

    return build_and_describe
