"""The adapters that build images and run containers, where the runtime is docker."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from anyio import to_thread

from pushpaka_core.bootstrap.ground import SEARCH_PATH
from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.services.health import HealthCheck
from pushpaka_core.settings import Settings


@asynccontextmanager
async def docker_adapters(
    settings: Settings, instance_id: UUID, processes: Processes, *, salt: bytes
) -> AsyncIterator[tuple[Builder, Runtime, HealthCheck]]:
    """
    Open the builder and the runtime of an engine, which is asked when there is work, and its check.

    *salt* is a secret of the instance.
    """
    from pushpaka_core.adapters.docker.builder import DockerBuilder
    from pushpaka_core.adapters.docker.containers import Most
    from pushpaka_core.adapters.docker.contexts import Contexts
    from pushpaka_core.adapters.docker.engine import open_engine
    from pushpaka_core.adapters.docker.firewall import Firewall
    from pushpaka_core.adapters.docker.labels import Marks
    from pushpaka_core.adapters.docker.networks import bridge_of_builds
    from pushpaka_core.adapters.docker.runtime import DockerRuntime
    from pushpaka_core.adapters.files.tree import load_tree

    marks = Marks(instance_id.hex)
    most = Most(memory_bytes=settings.most_memory * 2**20, cpus=float(settings.most_cpus))
    program = await to_thread.run_sync(_docker)
    async with open_engine(settings.docker_url) as engine:
        firewall = Firewall(processes, partial(bridge_of_builds, engine))
        yield (
            DockerBuilder(
                engine=engine,
                marks=marks,
                processes=processes,
                contexts=Contexts(
                    salt=sha256(b"env vars of builds" + salt).digest(),
                    tree_of=lambda path: load_tree(path, ""),
                    prefix=settings.image_prefix or "",
                ),
                program=program,
                firewall=firewall,
                env={**settings.host_env, "DOCKER_HOST": settings.docker_url, "PATH": SEARCH_PATH},
            ),
            DockerRuntime(
                engine=engine,
                marks=marks,
                firewall=firewall,
                waiting_directory=settings.data_directory / "waiting",
                most=most,
                pool=settings.network_pool,
            ),
            engine.check,
        )


def _docker() -> Path:
    found = shutil.which("docker", path=SEARCH_PATH)
    if found is None:
        raise SettingsError(
            "The runtime docker needs the docker command with its plugin buildx. Install the"
            " packages docker-cli and docker-buildx, or set PUSHPAKA_RUNTIME=process."
        )
    return Path(found)
