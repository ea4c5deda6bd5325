"""Small applications, built into images and started as containers, without a platform around."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import httpx
import pytest
from anyio import current_time, sleep, to_thread
from attrs import evolve, frozen
from tests.engine.base_images import DEBIAN, ensure
from tests.engine.opened import Docker, opened_docker
from tests.served import free_port

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.processes import Exit
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import Told, build, checkout
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_instance

Files: TypeAlias = Mapping[str, str]
_BUILD = timedelta(seconds=500)
_START = 60.0


@frozen
class Application:
    """One that was built, with its web process started."""

    _docker: Docker
    _web: StartRequest

    async def answer(self) -> str:
        """Return what it answers, once it does."""
        runtime, instance = self._docker.runtime, self._web.instance
        deadline = current_time() + _START
        async with httpx.AsyncClient() as client:
            while current_time() < deadline:
                observed = await runtime.inspect(instance.name)
                if observed is None or not observed.is_alive:
                    break
                try:
                    answer = await client.get(f"http://127.0.0.1:{instance.port}/")
                except httpx.TransportError:
                    await sleep(0.1)
                else:
                    return answer.text
        pytest.fail(f"It does not answer. It says: {await self._output()}")

    async def run(self, process_type: str) -> tuple[Exit, str]:
        """Run another of its processes to its end; return how it ended and what it said."""
        instance = evolve(
            self._web.instance, id=InstanceId(uuid4()), process_type=process_type, port=None
        )
        told = Told()
        ending = await self._docker.runtime.run_once(
            evolve(self._web, instance=instance), timeout=_BUILD, on_output=told.on_output
        )
        return ending, told.output.decode()

    async def _output(self) -> str:
        containers = self._docker.engine.client.containers
        name = self._docker.marks.container(self._web.instance.name)
        return (await self._docker.engine.call(lambda: containers.get(name).logs())).decode()


@asynccontextmanager
async def deployed(
    directory: Path, bases: Sequence[str], files: Files, *, root_dir: str = ""
) -> AsyncIterator[Application]:
    """Build and start what *files* are, on images that are seen to before."""
    for base in (DEBIAN, *bases):
        await to_thread.run_sync(ensure, base)
    wishes = Wishes(packaging=Packaging.IMAGE, root_dir=root_dir)
    plan = await to_thread.run_sync(detect, MemoryTree(files), wishes)
    source = await checkout(directory / "source", files)
    async with opened_docker(directory / "docker") as docker:
        artifact = await _built(docker, source, plan)
        project = a_project(a_user())
        instance = an_instance(a_deployment(project), port=free_port())
        web = StartRequest(instance=instance, project=project, plan=plan, artifact=artifact)
        await docker.runtime.start(web)
        yield Application(docker, web)


async def _built(docker: Docker, source: Path, plan: BuildPlan) -> str:
    told = Told()
    try:
        artifact = await build(docker.builder, source, plan, told=told, timeout=_BUILD)
    except BuildError as error:
        pytest.fail(f"{error}\n{told.output.decode()}")
    return artifact.name
