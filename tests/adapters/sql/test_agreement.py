"""Tests that the memory and SQLite adapters return the same results for all operations."""

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

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import PushpakaError
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import later
from pushpaka_core.testing.stored_objects import store

pytestmark = pytest.mark.anyio

OWNERS = [a_user(), a_user()]
PROJECTS = [a_project(OWNERS[0]), a_project(OWNERS[0]), a_project(OWNERS[1])]
CHANGES: dict[str, Callable[[Deployment], Deployment]] = {
    "enter": lambda d: d.enter(Phase.BUILD, now=later(5)),
    "run": lambda d: d.enter(Phase.START, now=later(5)).enter(Phase.RUN, now=later(6)),
    "fail": lambda d: d.fail("It broke.", now=later(7)),
    "requeue": lambda d: d.requeue("The worker was lost.", now=later(8)),
    "cancel": lambda d: d.cancel(now=later(9)),
    "disguise": lambda d: evolve(d, version=d.version + 1),
}


@define
class Player:
    """Applies operations to one storage, while another player applies them to the other storage."""

    storage: Storage
    seen: list[Deployment] = field(factory=list)
    """Deployments that were returned earlier, and that may be stale."""

    def earlier_deployment(self, index: int) -> Deployment:
        return self.seen[index % len(self.seen)]

    async def perform(self, act: "Act") -> object:
        """Return the result of *act*, or the error that it raises."""
        try:
            async with self.storage.transaction() as uow:
                return await act.perform(self, uow)
        except PushpakaError as error:
            return type(error)


@frozen
class AddDeployment:
    """A user queues a deployment."""

    deployment: Deployment

    async def perform(self, player: Player, uow: UnitOfWork) -> object:
        await uow.deployments.add(self.deployment)
        player.seen.append(self.deployment)
        return None


@frozen
class ClaimDeployment:
    """A worker claims a deployment."""

    async def perform(self, player: Player, uow: UnitOfWork) -> object:
        claimed = await uow.deployments.claim("worker", now=later(3))
        player.seen += [claimed] if claimed else []
        return claimed


@frozen
class SendHeartbeat:
    """A worker sends a heartbeat."""

    index: int

    async def perform(self, player: Player, uow: UnitOfWork) -> object:
        return await uow.deployments.renew_lease(player.earlier_deployment(self.index).lease)


@frozen
class ChangeDeployment:
    """A user or worker changes a deployment that may be stale."""

    index: int
    change: str

    async def perform(self, player: Player, uow: UnitOfWork) -> object:
        changed = CHANGES[self.change](player.earlier_deployment(self.index))
        kept = await uow.deployments.update(changed)
        player.seen.append(kept)
        return kept


@frozen
class AppendLines:
    """The lease holder or another worker writes log lines."""

    index: int
    number: int
    is_fenced: bool

    async def perform(self, player: Player, uow: UnitOfWork) -> object:
        deployment = player.earlier_deployment(self.index)
        fence = deployment.fence if self.is_fenced else None
        entries = [a_log_entry(f"Line {n}") for n in range(self.number)]
        return list(await uow.logs.append(deployment.id, entries, fence=fence))


Act: TypeAlias = AddDeployment | ClaimDeployment | SendHeartbeat | ChangeDeployment | AppendLines


def new_deployments() -> st.SearchStrategy[Act]:
    """Return a strategy that queues deployments for three projects of two users."""
    return st.builds(
        lambda project, target, age: AddDeployment(
            a_deployment(project, target=target, created_at=later(age))
        ),
        st.sampled_from(PROJECTS),
        st.sampled_from([PRODUCTION, "preview:next"]),
        st.integers(-3, 0),
    )


indexes = st.integers(0, 30)
acts: st.SearchStrategy[Act] = st.one_of(
    new_deployments(),
    st.just(ClaimDeployment()),
    st.builds(SendHeartbeat, indexes),
    st.builds(ChangeDeployment, indexes, st.sampled_from(sorted(CHANGES))),
    st.builds(AppendLines, indexes, st.integers(0, 3), st.booleans()),
)


@given(first_act=new_deployments(), next_acts=st.lists(acts, max_size=25))
@settings(max_examples=25)
async def test_memory_and_sqlite_agree(
    migrated_file: Path, first_act: Act, next_acts: list[Act]
) -> None:
    async with _players(migrated_file) as (one, other):
        for act in (first_act, *next_acts):
            assert await one.perform(act) == await other.perform(act)

        assert await _stored_values(one.storage) == await _stored_values(other.storage)


_copies = count()


@asynccontextmanager
async def _players(migrated_file: Path) -> AsyncIterator[tuple[Player, Player]]:
    copy = migrated_file.with_name(f"copy-{next(_copies)}.db")
    await to_thread.run_sync(shutil.copy, migrated_file, copy)
    async with open_storage(f"sqlite:///{copy}", migrate=False) as sqlite:
        players = Player(MemoryStorage()), Player(sqlite)
        for player in players:
            await store(player.storage, *OWNERS, *PROJECTS)
        yield players


async def _stored_values(storage: Storage) -> list[object]:
    async with storage.snapshot() as uow:
        visible = uow.deployments.visible_to(PLATFORM)
        page = await visible.page(DeploymentFilter(), limit=100, offset=0)
        return [
            page,
            [deployment.version for deployment in page.items],
            await _all_results(uow.logs.lines(d, LogFilter()) for d in page.items),
            await uow.deployments.all(set(DeploymentStatus)),
            await uow.deployments.count_by_status(),
            {s.lease: (s.heartbeat, s.worker) for s in await uow.deployments.leases()},
            {d.project_id: d for d in await uow.deployments.list_latest(PROJECTS, PRODUCTION)},
        ]


async def _all_results(queries: Iterable[Awaitable[object]]) -> list[object]:
    return [await read for read in queries]
