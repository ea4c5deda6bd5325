"""The adapters that build images and run containers: on this machine, or on those of a Swarm."""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from anyio import to_thread
from attrs import evolve, frozen

from pushpaka_core.bootstrap.ground import SEARCH_PATH
from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.machines import Machines
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.services.health import HealthCheck
from pushpaka_core.settings import RuntimeChoice, Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.docker.builder import DockerBuilder, LayerCache
    from pushpaka_core.adapters.docker.containers import Most
    from pushpaka_core.adapters.docker.engine import Engine
    from pushpaka_core.adapters.docker.firewall import Firewall
    from pushpaka_core.adapters.docker.labels import Marks
    from pushpaka_core.adapters.docker.swarm.registry import RegistryPlace


@frozen(kw_only=True)
class Execution:
    """What builds and what runs, and whom to ask about it."""

    builder: Builder
    runtime: Runtime
    engine_check: HealthCheck | None = None
    """None where there is no Docker Engine."""
    machines: Machines | None = None
    """None where everything runs on one machine."""


@asynccontextmanager
async def docker_execution(
    settings: Settings, instance_id: UUID, processes: Processes, *, salt: bytes
) -> AsyncIterator[Execution]:
    """
    Open the builder and the runtime of an engine, which is asked when there is work, and its check.

    *salt* is a secret of the instance.
    """
    from pushpaka_core.adapters.docker.engine import open_engine
    from pushpaka_core.adapters.docker.labels import Marks
    from pushpaka_core.adapters.docker.runtime import DockerRuntime
    from pushpaka_core.adapters.docker.waiting import Waiting

    marks = Marks(instance_id.hex)
    async with open_engine(settings.docker_url) as engine:
        firewall = _firewall(engine, processes)
        yield Execution(
            builder=await _builder(
                settings, engine, marks, firewall, processes=processes, salt=salt
            ),
            runtime=DockerRuntime(
                engine=engine,
                marks=marks,
                firewall=firewall,
                waiting=Waiting(settings.data_directory / "waiting"),
                most=_most(settings),
                pool=settings.network_pool,
            ),
            engine_check=engine.check,
        )


@asynccontextmanager
async def swarm_execution(
    settings: Settings, instance_id: UUID, processes: Processes, *, salt: bytes
) -> AsyncIterator[Execution]:
    """Open the builder of an engine, and the runtime of the Swarm of which it is a manager."""
    from pushpaka_core.adapters.docker.engine import open_engine
    from pushpaka_core.adapters.docker.labels import Marks
    from pushpaka_core.adapters.docker.swarm.builder import SwarmBuilder
    from pushpaka_core.adapters.docker.swarm.layers import RegistryLayers
    from pushpaka_core.adapters.docker.swarm.pushes import Pushes
    from pushpaka_core.adapters.docker.swarm.registry import open_registry
    from pushpaka_core.adapters.docker.swarm.runtime import SwarmRuntime
    from pushpaka_core.adapters.docker.swarm.services import ServiceProfile
    from pushpaka_core.adapters.docker.waiting import Waiting

    place, marks = await to_thread.run_sync(_registry_place, settings), Marks(instance_id.hex)
    marks = evolve(marks, shared=f"{place.host}/{place.repository(marks.prefix)}")
    async with (
        open_engine(settings.docker_url) as engine,
        open_registry(place, marks.prefix) as registry,
    ):
        firewall = _firewall(engine, processes)
        pushes = Pushes(engine=engine, place=place)
        layers = RegistryLayers(marks=marks, registry=registry, place=place, pushes=pushes)
        runtime = SwarmRuntime(
            engine=engine,
            marks=marks,
            profile=ServiceProfile(
                marks=marks,
                most=_most(settings),
                constraints=settings.placement,
                grace=settings.timings.stop_grace,
            ),
            place=place,
            waiting=Waiting(settings.data_directory / "waiting"),
        )
        yield Execution(
            builder=SwarmBuilder(
                marks=marks,
                local=await _builder(
                    settings, engine, marks, firewall, processes=processes, salt=salt, cache=layers
                ),
                layers=layers,
                pushes=pushes,
                place=place,
                registry=registry,
            ),
            runtime=runtime,
            engine_check=runtime.check,
            machines=runtime.machines,
        )


async def _builder(
    settings: Settings,
    engine: "Engine",
    marks: "Marks",
    firewall: "Firewall",
    *,
    processes: Processes,
    salt: bytes,
    cache: "LayerCache | None" = None,
) -> "DockerBuilder":
    from pushpaka_core.adapters.docker.builder import DockerBuilder
    from pushpaka_core.adapters.docker.contexts import Contexts
    from pushpaka_core.adapters.files.tree import load_tree

    return DockerBuilder(
        engine=engine,
        marks=marks,
        processes=processes,
        contexts=Contexts(
            salt=sha256(b"env vars of builds" + salt).digest(),
            tree_of=lambda path: load_tree(path, ""),
            prefix=settings.image_prefix or "",
        ),
        buildx=await to_thread.run_sync(_buildx, settings),
        firewall=firewall,
        cache=cache,
        env={**settings.host_env, "DOCKER_HOST": settings.docker_url, "PATH": SEARCH_PATH},
    )


def _firewall(engine: "Engine", processes: Processes) -> "Firewall":
    from pushpaka_core.adapters.docker.firewall import Firewall
    from pushpaka_core.adapters.docker.networks import bridge_of_builds

    return Firewall(processes, partial(bridge_of_builds, engine))


def _most(settings: Settings) -> "Most":
    from pushpaka_core.adapters.docker.containers import Most

    return Most(memory_bytes=settings.most_memory * 2**20, cpus=float(settings.most_cpus))


def _registry_place(settings: Settings) -> "RegistryPlace":
    from pushpaka_core.adapters.docker.swarm.registry import RegistryAccount, RegistryPlace

    if settings.registry is None:
        raise SettingsError(
            "The runtime swarm needs a registry, from which all machines fetch images. Set"
            " PUSHPAKA_REGISTRY to it, as in registry.example.com/team."
        )
    user, password = settings.registry_user, _registry_password(settings)
    if (user is None) != (password is None):
        raise SettingsError(
            "PUSHPAKA_REGISTRY_USER and PUSHPAKA_REGISTRY_PASSWORD are set together; the password"
            " may be in a file that PUSHPAKA_REGISTRY_PASSWORD_FILE names."
        )
    account = RegistryAccount(user=user, password=password) if user and password else None
    return RegistryPlace(url=settings.registry, account=account)


def _registry_password(settings: Settings) -> str | None:
    file = settings.registry_password_file
    if file is None:
        return settings.registry_password
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"PUSHPAKA_REGISTRY_PASSWORD_FILE is {file}, which cannot be read: {error.strerror}."
        ) from None


def _buildx(settings: Settings) -> tuple[str, ...]:
    from pushpaka_core.adapters.docker.command_line import find_buildx

    found = shutil.which("docker", path=SEARCH_PATH)
    if found is None:
        raise SettingsError(
            f"The runtime {settings.runtime} needs the docker command with its plugin buildx."
            " Install the packages docker-cli and docker-buildx, or set PUSHPAKA_RUNTIME=process."
        )
    return find_buildx(Path(found))


Opening: TypeAlias = Callable[..., AbstractAsyncContextManager[Execution]]

EXECUTIONS: Mapping[str, Opening] = {
    RuntimeChoice.DOCKER: docker_execution,
    RuntimeChoice.SWARM: swarm_execution,
}
"""How the adapters are opened of each runtime that runs containers."""
