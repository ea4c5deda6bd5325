"""Tests that an engine keeps only the retained releases after many deployments."""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve, frozen
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import OWN_ADDRESSES, Person
from tests.engine.own_engine import OwnEngine
from tests.engine.resources import container_app, docker, wait_until_cleaned_up
from tests.faults.served.levels import Level, deploy_all, lowest_values
from tests.faults.served.resources import database_state
from tests.served_instance import ServedInstance, open_served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("own engine"),
    pytest.mark.needs("traefik"),
]

_PROJECTS = 2
_KEPT = 2
"""The number of releases that each project retains."""
_WARM_UP, _ROUNDS = 2, 4
_MEGABYTE = "RUN head -c 1000000 /dev/urandom > /made\nVOLUME /kept"
_TOLERATED_MIB = 2
"""The tolerated growth. If images leaked, the two rounds between measurements would add 4 MiB."""


@pytest.fixture
async def served_instance(own_engine: OwnEngine) -> AsyncIterator[ServedInstance]:
    settings = {
        **OWN_ADDRESSES,
        **own_engine.settings,
        "PUSHPAKA_RELEASES_KEPT": str(_KEPT),
    }
    async with open_served(**settings) as opened:
        yield await opened.start()


@frozen(kw_only=True)
class EngineUse:
    """The resource usage of an engine."""

    images: int
    """The number of images, including unnamed ones."""
    containers: int
    networks: int
    volumes: int
    mounts: int
    layers: int
    """The number of the storage driver's directories, for the layers of images and containers."""
    mebibytes: int

    @classmethod
    def of(cls, engine: OwnEngine) -> "EngineUse":
        """Measure *engine* after deleting BuildKit's cache, which has its own limit."""
        docker(engine, "builder", "prune", "--all", "--force")
        data = engine.directory / "data"
        mounts = Path("/proc/mounts").read_text().splitlines()
        return cls(
            images=len(docker(engine, "images", "--all", "--quiet")),
            containers=len(docker(engine, "ps", "--all", "--quiet")),
            networks=len(docker(engine, "network", "ls", "--quiet")),
            volumes=len(docker(engine, "volume", "ls", "--quiet")),
            mounts=len([mount for mount in mounts if str(engine.directory) in mount]),
            layers=len(list((data / "overlay2").iterdir())),
            mebibytes=_bytes_below(data, excluded=data / "buildkit") >> 20,
        )


@pytest.mark.timeout(600)
async def test_many_deployments_do_not_increase_the_usage_of_the_engine(
    served_instance: ServedInstance, own_engine: OwnEngine
) -> None:
    """The numbers of images, containers, networks, volumes, layers and descriptors do not grow."""
    uses, levels = [], []
    async with Person.sign_up(served_instance) as ann:
        repository = repository_of(served_instance.repositories / "shop", container_app(_MEGABYTE))
        # Without a rollback window a replaced release is stopped at once.
        projects = [
            await ann.project(repository.path, f"shop-{n}", rollback_window=0)
            for n in range(_PROJECTS)
        ]
        for number in range(1, _ROUNDS + 1):
            # Files that have not changed would not be built again.
            repository.commit("Change", {"number": str(number)})
            await deploy_all(ann, projects, rounds=1, concurrency=_PROJECTS)
            if number in {_WARM_UP, _ROUNDS}:
                await wait_until_cleaned_up(served_instance, own_engine)
                level = await lowest_values(partial(Level.of, served_instance))
                use = await lowest_values(partial(EngineUse.of, own_engine))
                levels.append(Level(**level))
                uses.append(EngineUse(**use))
    known = await database_state(served_instance)

    assert _PROJECTS * _KEPT == len(known.artifacts)
    assert _PROJECTS == len(known.serving) == len(known.instances)
    assert levels[1].is_within(levels[0]), levels
    assert uses[0] == evolve(uses[1], mebibytes=uses[0].mebibytes)
    assert uses[1].mebibytes <= uses[0].mebibytes + _TOLERATED_MIB, uses


def _bytes_below(directory: Path, *, excluded: Path) -> int:
    """Return the size of all files below *directory*, except *excluded*. Files may disappear."""
    size = 0
    for place, directories, files in os.walk(directory):
        if Path(place) == excluded:
            directories.clear()
            continue
        for name in files:
            with suppress(FileNotFoundError):
                size += os.lstat(Path(place, name)).st_size
    return size
