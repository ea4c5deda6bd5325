"""Many deployments in a row leave in an engine what retention says, and nothing else."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve, frozen
from tests.acceptance.apps import repository_of
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.engine.holdings import docker, until_tidy
from tests.engine.own_engine import OwnEngine, open_own_engine
from tests.faults.served.holdings import known_of
from tests.faults.served.levels import deploy_all, lowest, lowest_level
from tests.served import Served, open_served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("own engine"),
    pytest.mark.needs("traefik"),
]

PROJECTS = 5
ROUNDS = 10
"""Of each project, each with a commit of its own: what is the same is not built again."""
WARM = 3
KEPT = 2
AT_A_TIME = 3
MORE = 2
"""MiB that an engine may write beside images; those that are not kept had seventeen times that."""
PATIENCE = 120
LOOKS = 5
"""What the engine is removing meanwhile has not leaked."""
IMAGE = "debian:trixie-slim"
_ANSWERS = """
my $all = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1) or die;
while (my $one = $all->accept) { <$one>; print $one "HTTP/1.0 200 OK\\r\\n\\r\\nhello"; }
"""
_DOCKERFILE = f"""\
FROM {IMAGE}
COPY . .
RUN head -c 1000000 /dev/urandom > /made
VOLUME /kept
CMD ["perl", "-MIO::Socket", "app.pl"]
"""


@pytest.fixture
async def engine() -> AsyncIterator[OwnEngine]:
    async with open_own_engine(IMAGE) as own:
        yield own


@pytest.fixture
async def served(engine: OwnEngine) -> AsyncIterator[Served]:
    kept = {"PUSHPAKA_RELEASES_KEPT": str(KEPT), "PUSHPAKA_CONCURRENCY": str(AT_A_TIME)}
    settings = {**engine.settings, **kept, "PUSHPAKA_DRAIN_TIMEOUT": "1"}
    async with open_served(**OWN_ADDRESSES, **settings) as opened:
        yield await opened.start()


@frozen(kw_only=True)
class Held:
    """How much an engine holds."""

    images: int
    """With those that have no name."""
    containers: int
    networks: int
    volumes: int
    mounts: int
    layers: int
    """Directories of the disk that images and containers are made of."""
    mebibytes: int

    @classmethod
    def of(cls, engine: OwnEngine) -> "Held":
        """Measure it, without what BuildKit keeps to build faster: it bounds that by itself."""
        docker(engine, "builder", "prune", "--all", "--force")
        data, own = engine.directory / "data", engine.directory / "data" / "buildkit"
        paths = (path for path in data.rglob("*") if not path.is_relative_to(own))
        files = [path for path in paths if path.is_file() and not path.is_symlink()]
        mounts = Path("/proc/mounts").read_text().splitlines()
        return cls(
            images=len(docker(engine, "images", "--all", "--quiet")),
            containers=len(docker(engine, "ps", "--all", "--quiet")),
            networks=len(docker(engine, "network", "ls", "--quiet")),
            volumes=len(docker(engine, "volume", "ls", "--quiet")),
            mounts=len([mount for mount in mounts if str(engine.directory) in mount]),
            layers=len(list((data / "overlay2").iterdir())),
            mebibytes=sum(path.stat().st_size for path in files) >> 20,
        )


@pytest.mark.timeout(900)
async def test_many_deployments_in_a_row_leave_the_engine_at_its_level(
    served: Served, engine: OwnEngine
) -> None:
    """Images, containers, networks, volumes, layers and descriptors are those of the first few."""
    async with Person.signed_up(served) as ann:
        repository = repository_of(
            served.repositories / "shop", {"Dockerfile": _DOCKERFILE, "app.pl": _ANSWERS}
        )
        projects = [await ann.project(repository.path, f"shop-{n}") for n in range(PROJECTS)]

        levels, helds = [], []
        for number in range(1, ROUNDS + 1):
            repository.commit("Change", {"number": str(number)})
            await deploy_all(ann, projects, rounds=1, at_a_time=AT_A_TIME, patience=PATIENCE)
            if number in {WARM, ROUNDS}:
                await until_tidy(served, engine)
                levels.append(await lowest_level(served))
                helds.append(Held(**await lowest(partial(Held.of, engine), looks=LOOKS)))
    known = await known_of(served)

    assert PROJECTS * KEPT == len(known.artifacts)
    assert PROJECTS == len(known.serving) == len(known.instances)
    assert levels[1].is_within(levels[0]), levels
    assert helds[0] == evolve(helds[1], mebibytes=helds[0].mebibytes)
    assert helds[1].mebibytes <= helds[0].mebibytes + MORE, helds
