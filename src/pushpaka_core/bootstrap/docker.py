"""Opens the builders and runtimes that use containers: Docker on this machine, or a Swarm."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from anyio import to_thread
from attrs import evolve, frozen

from pushpaka_core.bootstrap.data_directory import SEARCH_PATH
from pushpaka_core.domain.projects.images import RegistryCredentials
from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.images import ImageSource
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.ports.runtime import ListClusterNodes, Runtime
from pushpaka_core.ports.volumes import VolumeFiles
from pushpaka_core.services.platform.platform_health import HealthCheck
from pushpaka_core.settings.settings import RuntimeChoice, Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.docker.builder import DockerBuilder, LayerCache
    from pushpaka_core.adapters.docker.containers import ContainerLimits
    from pushpaka_core.adapters.docker.engine import Engine
    from pushpaka_core.adapters.docker.firewall import Firewall
    from pushpaka_core.adapters.docker.labels import Labels
    from pushpaka_core.adapters.swarm.registry import RegistryLocation


@frozen(kw_only=True)
class BuildAndRuntime:
    """A builder, a runtime and its volumes, with the health check and node list of their engine."""

    builder: Builder
    runtime: Runtime
    volume_files: VolumeFiles
    image_source: ImageSource | None = None
    """The adapter that pulls images, or None if the runtime cannot run images."""
    engine_check: HealthCheck | None = None
    """A function that checks the connection to the Docker Engine, or None without an engine."""
    machines: ListClusterNodes | None = None
    """A function that lists the nodes of the cluster, or None if everything runs on one machine."""


@asynccontextmanager
async def open_docker(
    settings: Settings,
    instance_id: UUID,
    process_manager: ProcessManager,
    *,
    salt: bytes,
    node: str,
) -> AsyncIterator[BuildAndRuntime]:
    """
    Open the builder and the runtime for a Docker Engine.

    The engine is not contacted until it is used.

    Args:
        settings: The settings of the instance.
        instance_id: The id of the instance, which labels its containers and images.
        process_manager: Runs the Docker CLI.
        salt: A secret of the instance.
        node: The name of the node of this process.
    """
    from pushpaka_core.adapters.docker.engine import open_engine
    from pushpaka_core.adapters.docker.image_source import DockerImageSource
    from pushpaka_core.adapters.docker.labels import Labels
    from pushpaka_core.adapters.docker.run_lock import RunLock
    from pushpaka_core.adapters.docker.runtime import DockerRuntime
    from pushpaka_core.adapters.docker.volume_files import DockerVolumeFiles

    labels, run_lock = Labels(instance_id.hex), RunLock(settings.data_directory / "waiting")
    async with open_engine(settings.docker_url) as engine:
        firewall = _firewall(engine, process_manager)
        yield BuildAndRuntime(
            builder=await _builder(
                settings, engine, labels, firewall, process_manager=process_manager, salt=salt
            ),
            runtime=DockerRuntime(
                engine=engine,
                labels=labels,
                firewall=firewall,
                run_lock=run_lock,
                limits=_container_limits(settings),
                address_pool=settings.network_pool,
            ),
            image_source=DockerImageSource(engine=engine, labels=labels),
            volume_files=DockerVolumeFiles(
                engine=engine, labels=labels, run_lock=run_lock, node=node
            ),
            engine_check=engine.check,
        )


@asynccontextmanager
async def open_swarm(
    settings: Settings,
    instance_id: UUID,
    process_manager: ProcessManager,
    *,
    salt: bytes,
    node: str,
) -> AsyncIterator[BuildAndRuntime]:
    """
    Open the builder and the runtime for a Swarm, through the Docker Engine of one of its managers.

    See `open_docker` for the arguments.

    Raises:
        SettingsError: If the registry or its password is not configured correctly.
    """
    from pushpaka_core.adapters.docker.engine import open_engine
    from pushpaka_core.adapters.docker.image_source import DockerImageSource
    from pushpaka_core.adapters.docker.labels import Labels
    from pushpaka_core.adapters.docker.run_lock import RunLock
    from pushpaka_core.adapters.docker.volume_files import DockerVolumeFiles
    from pushpaka_core.adapters.swarm.builder import SwarmBuilder
    from pushpaka_core.adapters.swarm.cluster import SwarmCluster
    from pushpaka_core.adapters.swarm.image_pusher import ImagePusher
    from pushpaka_core.adapters.swarm.image_source import SwarmImageSource
    from pushpaka_core.adapters.swarm.layers import RegistryLayerCache
    from pushpaka_core.adapters.swarm.registry import open_registry
    from pushpaka_core.adapters.swarm.runtime import SwarmRuntime
    from pushpaka_core.adapters.swarm.services import ServiceProfile
    from pushpaka_core.adapters.swarm.volume_files import SwarmVolumeFiles

    place, labels = await to_thread.run_sync(_registry_location, settings), Labels(instance_id.hex)
    labels = evolve(labels, registry_repository=f"{place.host}/{place.repository(labels.prefix)}")
    async with (
        open_engine(settings.docker_url) as engine,
        open_registry(place, labels.prefix) as registry,
    ):
        firewall = _firewall(engine, process_manager)
        run_lock = RunLock(settings.data_directory / "waiting")
        image_pusher = ImagePusher(engine=engine, location=place)
        layers = RegistryLayerCache(
            labels=labels, registry=registry, location=place, image_pusher=image_pusher
        )
        runtime = SwarmRuntime(
            engine=engine,
            labels=labels,
            profile=ServiceProfile(
                labels=labels,
                limits=_container_limits(settings),
                constraints=settings.placement,
                grace=settings.timings.stop_grace,
            ),
            location=place,
            run_lock=run_lock,
        )
        local_builder = await _builder(
            settings,
            engine,
            labels,
            firewall,
            process_manager=process_manager,
            salt=salt,
            layer_cache=layers,
        )
        yield BuildAndRuntime(
            builder=SwarmBuilder(
                labels=labels,
                local_builder=local_builder,
                layer_cache=layers,
                image_pusher=image_pusher,
                location=place,
                registry=registry,
            ),
            runtime=runtime,
            image_source=SwarmImageSource(
                labels=labels,
                local_source=DockerImageSource(engine=engine, labels=labels),
                local_builder=local_builder,
                image_pusher=image_pusher,
            ),
            volume_files=SwarmVolumeFiles(
                cluster=SwarmCluster(engine=engine, labels=labels),
                local=DockerVolumeFiles(engine=engine, labels=labels, run_lock=run_lock, node=node),
            ),
            engine_check=runtime.check,
            machines=runtime.nodes,
        )


async def _builder(
    settings: Settings,
    engine: "Engine",
    labels: "Labels",
    firewall: "Firewall",
    *,
    process_manager: ProcessManager,
    salt: bytes,
    layer_cache: "LayerCache | None" = None,
) -> "DockerBuilder":
    from pushpaka_core.adapters.docker.builder import DockerBuilder
    from pushpaka_core.adapters.docker.contexts import BuildContexts
    from pushpaka_core.adapters.files.tree import load_tree

    return DockerBuilder(
        engine=engine,
        labels=labels,
        process_manager=process_manager,
        build_contexts=BuildContexts(
            salt=sha256(b"env vars of builds" + salt).digest(),
            tree_of=lambda path: load_tree(path, ""),
            registry_prefix=settings.image_prefix or "",
        ),
        buildx_command=await to_thread.run_sync(_buildx, settings),
        firewall=firewall,
        layer_cache=layer_cache,
        env={**settings.host_env, "DOCKER_HOST": settings.docker_url, "PATH": SEARCH_PATH},
    )


def _firewall(engine: "Engine", process_manager: ProcessManager) -> "Firewall":
    from pushpaka_core.adapters.docker.firewall import Firewall
    from pushpaka_core.adapters.docker.networks import find_build_bridge

    return Firewall(process_manager, partial(find_build_bridge, engine))


def _container_limits(settings: Settings) -> "ContainerLimits":
    from pushpaka_core.adapters.docker.containers import ContainerLimits

    return ContainerLimits(memory_bytes=settings.max_memory * 2**20, cpus=float(settings.max_cpus))


def _registry_location(settings: Settings) -> "RegistryLocation":
    from pushpaka_core.adapters.swarm.registry import RegistryLocation

    if settings.registry is None:
        raise SettingsError(
            "The Swarm runtime requires an image registry. Set PUSHPAKA_REGISTRY, for example to "
            "registry.example.com/team."
        )
    user, password = settings.registry_user, _registry_password(settings)
    if (user is None) != (password is None):
        raise SettingsError(
            "Only one of PUSHPAKA_REGISTRY_USER and PUSHPAKA_REGISTRY_PASSWORD is set. Set both or "
            "neither. PUSHPAKA_REGISTRY_PASSWORD_FILE can replace the password."
        )
    account = RegistryCredentials(user=user, password=password) if user and password else None
    return RegistryLocation(url=settings.registry, credentials=account)


def _registry_password(settings: Settings) -> str | None:
    file = settings.registry_password_file
    if file is None:
        return settings.registry_password
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"PUSHPAKA_REGISTRY_PASSWORD_FILE is {file}, which cannot be read: {error.strerror}. "
            "Check its path and its permissions."
        ) from None


def _buildx(settings: Settings) -> tuple[str, ...]:
    from pushpaka_core.adapters.docker.engine import find_buildx

    found = shutil.which("docker", path=SEARCH_PATH)
    if found is None:
        raise SettingsError(
            f"The {settings.runtime} runtime requires the `docker` command with the buildx plugin. "
            "Install the packages docker-cli and docker-buildx, or set PUSHPAKA_RUNTIME=process."
        )
    return find_buildx(Path(found))


class _OpenRuntime(Protocol):
    def __call__(
        self,
        settings: Settings,
        instance_id: UUID,
        process_manager: ProcessManager,
        *,
        salt: bytes,
        node: str,
    ) -> AbstractAsyncContextManager[BuildAndRuntime]: ...


CONTAINER_RUNTIMES: Mapping[str, _OpenRuntime] = {
    RuntimeChoice.DOCKER: open_docker,
    RuntimeChoice.SWARM: open_swarm,
}
"""For each runtime that uses containers, the function that opens its adapters."""
