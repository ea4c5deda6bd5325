"""Fixtures for the Docker adapters, and built applications to start."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from attrs import evolve
from tests.engine.opened import Docker, open_docker
from tests.engine.own_engine import OwnEngine, open_own_engine
from tests.engine.resources import IMAGE

from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import PROJECT_NUMBER, build, checkout, plan
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project

Prepare = Callable[..., Awaitable[StartRequest]]


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[Docker]:
    async with open_docker(tmp_path / "docker") as opened:
        yield opened


@pytest.fixture(scope="session")
async def own_engine() -> AsyncIterator[OwnEngine]:
    """Yield an engine that tests can stop, if they start it again."""
    async with open_own_engine(IMAGE) as engine:
        yield engine


@pytest.fixture
def prepare(docker: Docker, tmp_path: Path) -> Prepare:
    """Return a function that builds an image and returns the request to start a process from it."""

    async def build_and_describe(
        processes: Mapping[str, BuildStep],
        *,
        files: Mapping[str, str] | None = None,
        number: int = PROJECT_NUMBER,
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
