"""Small applications that are built into images and run in containers without an instance."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import httpx
import pytest
from anyio import sleep, to_thread
from attrs import evolve, frozen
from tests.engine.base_images import DEBIAN, ensure
from tests.engine.opened import Docker, open_docker
from tests.served_instance import free_port

from pushpaka_core.detection import BuildOverrides, MemoryTree, detect
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import BuildRecorder, build, checkout
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project

Files: TypeAlias = Mapping[str, str]
_BUILD_LIMIT = timedelta(seconds=500)
_LOOKS = 600


@frozen
class Application:
    """A built application whose web process was started."""

    build_log: Sequence[str]
    _docker: Docker
    _web: StartRequest

    async def answer(self, path: str = "/") -> str:
        """Return the response to a GET request for *path*, retrying until there is one."""
        url = f"http://127.0.0.1:{self._web.instance.port}{path}"
        async with httpx.AsyncClient() as client:
            looks = 0
            while await self._is_alive() and (looks := looks + 1) <= _LOOKS:
                with suppress(httpx.TransportError):
                    return (await client.get(url)).text
                await sleep(0.1)
        pytest.fail(f"It does not respond. Its output: {await self._output()}")

    async def run(self, process_type: str) -> str:
        """Run another process, require that it succeeds, and return its output."""
        instance = evolve(
            self._web.instance, id=InstanceId(uuid4()), process_type=process_type, port=None
        )
        build_recorder = BuildRecorder()
        exit_ = await self._docker.runtime.run_once(
            evolve(self._web, instance=instance),
            timeout=_BUILD_LIMIT,
            on_output=build_recorder.on_output,
        )
        assert exit_.succeeded, build_recorder.output.decode()
        return build_recorder.output.decode()

    async def _is_alive(self) -> bool:
        observed = await self._docker.runtime.inspect(self._web.instance.name)
        return observed is not None and observed.is_alive

    async def _output(self) -> str:
        containers = self._docker.engine.client.containers
        name = self._docker.labels.container(self._web.instance.name)
        return (await self._docker.engine.call(lambda: containers.get(name).logs())).decode()


@asynccontextmanager
async def deploy(
    directory: Path, bases: Sequence[str], files: Files, *, root_dir: str = ""
) -> AsyncIterator[Application]:
    """Provide the base images, build *files* as detected, and start the web process."""
    for base in (DEBIAN, *bases):
        await to_thread.run_sync(ensure, base)
    build_overrides = BuildOverrides(packaging=Packaging.IMAGE, root_dir=root_dir)
    plan = await to_thread.run_sync(detect, MemoryTree(files), build_overrides)
    source, recorder = await checkout(directory / "source", files), BuildRecorder()
    async with open_docker(directory / "docker") as docker:
        artifact = await _build(docker, source, plan, recorder)
        project = a_project(a_user())
        instance = an_instance(a_deployment(project), port=free_port())
        web = StartRequest(instance=instance, project=project, plan=plan, artifact=artifact)
        await docker.runtime.start(web)
        yield Application([*recorder.messages, recorder.output.decode()], docker, web)


async def _build(
    docker: Docker, source: Path, plan: BuildPlan, build_recorder: BuildRecorder
) -> str:
    try:
        artifact = await build(
            docker.builder, source, plan, recorder=build_recorder, timeout=_BUILD_LIMIT
        )
    except BuildError as error:
        pytest.fail(f"{error}\n{build_recorder.output.decode()}")
    return artifact.name
