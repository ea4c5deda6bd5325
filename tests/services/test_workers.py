"""Workers show themselves, and an instance has one node with a runtime that has one in all."""

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.services.world import CountedIds, SteppedClock

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import NotFoundError, SettingsError
from pushpaka_core.services.measurements import Measurements
from pushpaka_core.services.system import SystemService, Technologies
from pushpaka_core.services.workers import Attendance
from pushpaka_core.testing.objects import a_user

pytestmark = pytest.mark.anyio

ALPHA = Node(runtime="process", name="alpha", home="1234")
TIMINGS = Timings()


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def alpha(storage: MemoryStorage, clock: SteppedClock) -> Attendance:
    return attendance(storage, clock, ALPHA)


@pytest.fixture
def system(storage: MemoryStorage, clock: SteppedClock) -> SystemService:
    return SystemService(
        storage=storage,
        version="1.2.3",
        base_domain="apps.example.org",
        technologies=Technologies(runtime="process", router="traefik", database="sqlite"),
        timings=TIMINGS,
        now=clock,
    )


def attendance(storage: MemoryStorage, clock: SteppedClock, node: Node) -> Attendance:
    return Attendance(
        storage=storage,
        node=node,
        version="1.2.3",
        timings=TIMINGS,
        measurements=Measurements(),
        now=clock,
        new_id=CountedIds(),
    )


class TestNode:
    async def test_a_worker_may_begin_where_the_first_one_did(
        self, storage: MemoryStorage, clock: SteppedClock, alpha: Attendance
    ) -> None:
        """Any number of them, and again after a restart."""
        await alpha.settle()

        await alpha.settle()
        await attendance(storage, clock, ALPHA).settle()

    async def test_a_second_node_is_refused_by_name(
        self, storage: MemoryStorage, clock: SteppedClock, alpha: Attendance
    ) -> None:
        """The sentence says which node the instance has, and what to do."""
        await alpha.settle()
        beta = attendance(storage, clock, evolve(ALPHA, name="beta", home="5678"))

        with pytest.raises(SettingsError) as refusal:
            await beta.settle()

        assert "this one's is alpha; beta cannot be a second" in str(refusal.value)
        assert "PUSHPAKA_NODE=alpha" in str(refusal.value)

    async def test_a_node_of_another_runtime_is_refused_elsewhere(
        self, storage: MemoryStorage, clock: SteppedClock, alpha: Attendance
    ) -> None:
        """Machines that choose their runtimes by what they find are not two nodes; one may be."""
        await alpha.settle()
        beta = Node(runtime="docker", name="beta", home="5678")

        with pytest.raises(SettingsError, match="this one's is alpha; beta cannot be a second"):
            await attendance(storage, clock, beta).settle()

        assert await attendance(storage, clock, evolve(ALPHA, runtime="docker")).settle()

    async def test_a_node_takes_over_whatever_its_runtime(
        self, storage: MemoryStorage, clock: SteppedClock, alpha: Attendance
    ) -> None:
        """The machine before has none left then, and cannot begin again."""
        await alpha.settle()
        beta = attendance(storage, clock, Node(runtime="docker", name="beta", home="5678"))

        await beta.take_over()

        assert await beta.settle()
        with pytest.raises(SettingsError, match="pushpaka takeover"):
            await alpha.settle()

    async def test_two_nodes_of_one_name_are_refused(
        self, storage: MemoryStorage, clock: SteppedClock, alpha: Attendance
    ) -> None:
        """What lies in one data directory cannot be run from another."""
        await alpha.settle()
        other = attendance(storage, clock, evolve(ALPHA, home="5678"))

        with pytest.raises(SettingsError, match="PUSHPAKA_DATA_DIRECTORY"):
            await other.settle()

    async def test_of_two_nodes_at_once_one_is_refused(
        self, storage: MemoryStorage, clock: SteppedClock
    ) -> None:
        """Whoever is first, there is one node afterwards."""
        outcomes: list[str] = []

        async def settle(name: str) -> None:
            try:
                await attendance(storage, clock, evolve(ALPHA, name=name)).settle()
                outcomes.append("settled")
            except SettingsError:
                outcomes.append("refused")

        async with create_task_group() as workers:
            workers.start_soon(settle, "alpha")
            workers.start_soon(settle, "beta")

        assert ["refused", "settled"] == sorted(outcomes)

    async def test_a_node_that_takes_over_ends_the_work_of_the_one_before(
        self, storage: MemoryStorage, clock: SteppedClock, alpha: Attendance
    ) -> None:
        """Its workers hear of it when they next say that they live, and cannot begin again."""
        await alpha.settle()
        worker = await alpha.arrive("alpha-17", concurrency=1)
        beta = attendance(storage, clock, evolve(ALPHA, name="beta", home="5678"))

        before = await beta.take_over()

        assert ALPHA == before
        assert await beta.take_over() is None
        await beta.settle()
        for late in (alpha.settle(), alpha.beat(worker, jobs=0)):
            with pytest.raises(SettingsError, match="pushpaka takeover"):
                await late


class TestPresence:
    async def test_a_worker_is_seen_with_what_it_has_in_hand(
        self, alpha: Attendance, clock: SteppedClock, system: SystemService
    ) -> None:
        """From its beginning to its end."""
        worker = await alpha.arrive("alpha-17", concurrency=4)
        begun = clock.now
        clock.tick(5)
        await alpha.beat(worker, jobs=3)

        (seen,) = await system.workers(PLATFORM)
        await alpha.leave(worker)

        assert ("alpha-17", "alpha", "1.2.3", "process") == (
            seen.name,
            seen.node,
            seen.version,
            seen.runtime,
        )
        assert (3, 4, begun, clock.now) == (
            seen.jobs,
            seen.concurrency,
            seen.started_at,
            seen.seen_at,
        )
        assert [] == list(await system.workers(PLATFORM))

    async def test_a_killed_worker_is_shown_for_a_while(
        self, alpha: Attendance, clock: SteppedClock, system: SystemService
    ) -> None:
        """Longer than its leases last, and not for ever, also where no other lives."""
        await alpha.arrive("alpha-17", concurrency=4)

        clock.tick(TIMINGS.absence.total_seconds())
        before = await system.workers(PLATFORM)
        clock.tick(1)
        after = await system.workers(PLATFORM)

        assert (1, 0) == (len(before), len(after))

    async def test_a_worker_forgets_the_killed_ones(
        self, storage: MemoryStorage, alpha: Attendance, clock: SteppedClock
    ) -> None:
        """No row stays behind."""
        await alpha.arrive("killed", concurrency=1)
        clock.tick(TIMINGS.absence.total_seconds() + 1)

        living = await alpha.arrive("living", concurrency=1)

        async with storage.snapshot() as uow:
            assert [living] == list(await uow.workers.all())


class TestSystem:
    async def test_tells_what_the_instance_runs_on(
        self, alpha: Attendance, system: SystemService
    ) -> None:
        """Its node and its workers included."""
        await alpha.settle()
        worker = await alpha.arrive("alpha-17", concurrency=1)

        told = await system.describe(PLATFORM)

        assert ("1.2.3", "apps.example.org", "alpha") == (
            told.version,
            told.base_domain,
            told.node,
        )
        assert [worker] == list(told.workers)
        assert "sqlite" == told.technologies.database

    async def test_has_no_node_before_the_first_worker(self, system: SystemService) -> None:
        """An API alone runs no application."""
        assert (await system.describe(PLATFORM)).node is None

    async def test_does_not_exist_for_others_than_administrators(
        self, system: SystemService
    ) -> None:
        """They hear what they would of any page that is not there."""
        actor = Actor.of(a_user())

        with pytest.raises(NotFoundError):
            await system.describe(actor)
        with pytest.raises(NotFoundError):
            await system.workers(actor)
