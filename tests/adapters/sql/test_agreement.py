"""Memory and SQLite give the same answers to whatever workers and people do."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import TypeAlias

import pytest
from anyio import to_thread
from attrs import define, evolve, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.migration import migrate
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import PRODUCTION, Deployment
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.errors import PushpakaError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_entry, later

pytestmark = pytest.mark.anyio

OWNERS = [a_user(), a_user()]
PROJECTS = [a_project(OWNERS[0]), a_project(OWNERS[0]), a_project(OWNERS[1])]
CHANGES: dict[str, Callable[[Deployment], Deployment]] = {
    "enter": lambda d: d.enter(Phase.BUILD, at=later(5)),
    "run": lambda d: d.enter(Phase.START, at=later(5)).enter(Phase.RUN, at=later(6)),
    "fail": lambda d: d.fail("It broke.", at=later(7)),
    "requeue": lambda d: d.requeue("Its worker was lost.", at=later(8)),
    "cancel": lambda d: d.cancel(at=later(9)),
    "disguise": lambda d: evolve(d, version=d.version + 1),
}


@define
class Player:
    """Does the same to one storage as another player does to the other."""

    storage: Storage
    seen: list[Deployment] = field(factory=list)
    """Deployments as they were returned at some time: now perhaps stale."""

    def remembered(self, index: int) -> Deployment:
        return self.seen[index % len(self.seen)]

    async def do(self, act: "Act") -> object:
        """Return what came of *act*, be it an error."""
        try:
            async with self.storage.transaction() as uow:
                return await act.do(self, uow)
        except PushpakaError as error:
            return type(error)


@frozen
class Add:
    """Somebody asks for a deployment."""

    deployment: Deployment

    async def do(self, player: Player, uow: UnitOfWork) -> object:
        await uow.deployments.add(self.deployment)
        player.seen.append(self.deployment)
        return None


@frozen
class Claim:
    """A worker asks for work."""

    async def do(self, player: Player, uow: UnitOfWork) -> object:
        claimed = await uow.deployments.claim("worker", at=later(3))
        player.seen += [claimed] if claimed else []
        return claimed


@frozen
class Beat:
    """A worker is alive."""

    index: int

    async def do(self, player: Player, uow: UnitOfWork) -> object:
        return await uow.deployments.beat(player.remembered(self.index).lease)


@frozen
class Change:
    """Somebody changes a deployment that they have read at some time."""

    index: int
    change: str

    async def do(self, player: Player, uow: UnitOfWork) -> object:
        changed = CHANGES[self.change](player.remembered(self.index))
        kept = await uow.deployments.update(changed)
        player.seen.append(kept)
        return kept


@frozen
class Append:
    """Lines are written, by the one who holds a fence or by anybody."""

    index: int
    number: int
    is_fenced: bool

    async def do(self, player: Player, uow: UnitOfWork) -> object:
        deployment = player.remembered(self.index)
        fence = deployment.fence if self.is_fenced else None
        entries = [an_entry(f"Line {n}") for n in range(self.number)]
        return list(await uow.logs.append(deployment.id, entries, fence=fence))


Act: TypeAlias = Add | Claim | Beat | Change | Append


def new_deployments() -> st.SearchStrategy[Act]:
    """Ask for deployments of three projects of two users."""
    return st.builds(
        lambda project, target, age: Add(
            a_deployment(project, target=target, created_at=later(age))
        ),
        st.sampled_from(PROJECTS),
        st.sampled_from([PRODUCTION, "preview:next"]),
        st.integers(-3, 0),
    )


indexes = st.integers(0, 30)
acts: st.SearchStrategy[Act] = st.one_of(
    new_deployments(),
    st.just(Claim()),
    st.builds(Beat, indexes),
    st.builds(Change, indexes, st.sampled_from(sorted(CHANGES))),
    st.builds(Append, indexes, st.integers(0, 3), st.booleans()),
)


@pytest.fixture(scope="module")
async def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate once: each example begins with a copy."""
    file = tmp_path_factory.mktemp("agreement") / "migrated.db"
    await migrate(f"sqlite:///{file}")
    return file


@given(first=new_deployments(), following=st.lists(acts, max_size=25))
@settings(max_examples=25)
async def test_memory_and_sqlite_agree(migrated: Path, first: Act, following: list[Act]) -> None:
    """After every act the two have answered alike, and at the end they hold the same."""
    async with _players(migrated) as (one, other):
        for act in (first, *following):
            assert await one.do(act) == await other.do(act)

        assert await _everything(one.storage) == await _everything(other.storage)


_copies = count()


@asynccontextmanager
async def _players(migrated: Path) -> AsyncIterator[tuple[Player, Player]]:
    copy = migrated.with_name(f"{next(_copies)}.db")
    await to_thread.run_sync(shutil.copy, migrated, copy)
    async with open_storage(f"sqlite:///{copy}", migrate=False) as sqlite:
        players = Player(MemoryStorage()), Player(sqlite)
        for player in players:
            await keep(player.storage, *OWNERS, *PROJECTS)
        yield players


async def _everything(storage: Storage) -> list[object]:
    async with storage.snapshot() as uow:
        visible = uow.deployments.visible_to(PLATFORM)
        page = await visible.page(DeploymentFilter(), limit=100, offset=0)
        return [
            page,
            [deployment.version for deployment in page.items],
            await _all(uow.logs.lines(d, LogFilter()) for d in page.items),
            await uow.deployments.all(set(DeploymentStatus)),
            await uow.deployments.count_by_status(),
            {s.lease: (s.heartbeat, s.worker) for s in await uow.deployments.leases()},
            {d.project_id: d for d in await uow.deployments.latest(PROJECTS, PRODUCTION)},
        ]


async def _all(reads: Iterable[Awaitable[object]]) -> list[object]:
    return [await read for read in reads]
