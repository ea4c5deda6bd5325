"""Tests every adapter against the contract of the port `ImageSource`."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias

import pytest
from attrs import field, frozen
from tests.engine.image_registry import EngineRegistry
from tests.engine.opened import open_docker
from tests.engine.registry import PASSWORD, USER, open_registry, password_auth
from tests.swarm.opened import SWARM, open_swarm_adapters

from pushpaka_core.adapters.docker.engine import open_engine
from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.images import MemoryImage, MemoryImageSource
from pushpaka_core.domain.projects.images import RegistryCredentials
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.images import ImageSource
from pushpaka_core.testing.images import ImageRegistry, ImageSourceContract

ACCOUNT = RegistryCredentials(user=USER, password=PASSWORD)
DOCKER = pytest.param("docker", marks=[pytest.mark.needs("docker"), pytest.mark.needs("registry")])

Adapters: TypeAlias = tuple[ImageSource, Builder, ImageRegistry]


@frozen(kw_only=True)
class _MemoryRegistry:
    images: dict[str, MemoryImage]
    name: str = "registry.example.com/acme/shop"
    credentials: RegistryCredentials = ACCOUNT
    _contents: list[str] = field(factory=list)

    async def push(
        self, tag: str, *, command: Sequence[str] = ("serve",), ports: Sequence[int] = ()
    ) -> None:
        self._contents.append(tag)
        self.images[f"{self.name}:{tag}"] = MemoryImage(
            content=str(len(self._contents)),
            command=tuple(command),
            ports=tuple(sorted(ports)),
        )


@pytest.mark.anyio
class TestImageSource(ImageSourceContract):
    """Runs the contract in memory, and with Docker and a Swarm."""

    @pytest.fixture(params=["memory", DOCKER, SWARM])
    async def adapters(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> AsyncIterator[Adapters]:
        name = f"acme/shop-{token_hex(4)}"
        match request.param:
            case "memory":
                builder = MemoryBuilder()
                host, account = "registry.example.com", f"{USER}:{PASSWORD}"
                source = MemoryImageSource(builder=builder, credentials={host: account})
                yield source, builder, _MemoryRegistry(images=source.images)
            case "docker":
                with open_registry(tmp_path, auth=password_auth(tmp_path)) as server:
                    async with open_docker(tmp_path / "docker") as docker:
                        pushed = EngineRegistry(
                            engine=docker.engine,
                            name=f"{server.address}/{name}",
                            credentials=ACCOUNT,
                        )
                        yield docker.image_source, docker.builder, pushed
            case _:
                swarm = request.getfixturevalue("swarm")
                async with (
                    open_swarm_adapters(tmp_path / "swarm", swarm) as opened,
                    open_engine(swarm.manager.url) as engine,
                ):
                    pushed = EngineRegistry(
                        engine=engine,
                        name=f"{swarm.registry.address}/{name}",
                        credentials=ACCOUNT,
                    )
                    yield opened.image_source, opened.builder, pushed

    @pytest.fixture
    def image_source(self, adapters: Adapters) -> ImageSource:
        return adapters[0]

    @pytest.fixture
    def builder(self, adapters: Adapters) -> Builder:
        return adapters[1]

    @pytest.fixture
    def registry(self, adapters: Adapters) -> ImageRegistry:
        return adapters[2]
