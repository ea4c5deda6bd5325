"""The registry of workers, and the node that a runtime is bound to."""

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.service_fixtures import SequentialIds, SteppedClock

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.errors import NotFoundError, SettingsError
from pushpaka_core.services.platform.metrics import MetricCounters
from pushpaka_core.services.platform.system import AdapterNames, SystemService
from pushpaka_core.services.platform.worker_registry import WorkerRegistry
from pushpaka_core.testing.objects.accounts import a_user

pytestmark = pytest.mark.anyio

ALPHA = Node(runtime="process", name="alpha", data_directory_id="1234")
TIMINGS = Timeouts()
SECOND = "bound to the node alpha, so the node beta cannot use it.*PUSHPAKA_NODE=alpha"


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def alpha(storage: MemoryStorage, clock: SteppedClock) -> WorkerRegistry:
    return worker_registry(storage, clock, ALPHA)


@pytest.fixture
def system(storage: MemoryStorage, clock: SteppedClock) -> SystemService:
    return SystemService(
        storage=storage,
        version="1.2.3",
        base_domain="apps.example.org",
        adapter_names=AdapterNames(runtime="process", router="traefik", database="sqlite"),
        timeouts=TIMINGS,
        now=clock,
    )


def worker_registry(storage: MemoryStorage, clock: SteppedClock, node: Node) -> WorkerRegistry:
    return WorkerRegistry(
        storage=storage,
        node=node,
        version="1.2.3",
        timeouts=TIMINGS,
        counters=MetricCounters(),
        now=clock,
        new_id=SequentialIds(),
    )


class TestNode:
    @pytest.mark.parametrize(
        "node", [ALPHA, evolve(ALPHA, runtime="docker")], ids=["same", "another runtime"]
    )
    async def test_other_workers_can_claim_the_same_node(
        self, storage: MemoryStorage, clock: SteppedClock, alpha: WorkerRegistry, node: Node
    ) -> None:
        await alpha.claim_node()

        assert await alpha.claim_node()
        assert await worker_registry(storage, clock, node).claim_node()

    @pytest.mark.parametrize(
        ("node", "sentence"),
        [
            (evolve(ALPHA, name="beta", data_directory_id="5678"), SECOND),
            (Node(runtime="docker", name="beta", data_directory_id="5678"), SECOND),
            (evolve(ALPHA, data_directory_id="5678"), "PUSHPAKA_DATA_DIRECTORY"),
        ],
        ids=["another name", "another runtime", "another data directory"],
    )
    async def test_a_second_node_is_refused(
        self,
        storage: MemoryStorage,
        clock: SteppedClock,
        alpha: WorkerRegistry,
        node: Node,
        sentence: str,
    ) -> None:
        await alpha.claim_node()

        with pytest.raises(SettingsError, match=sentence):
            await worker_registry(storage, clock, node).claim_node()

    async def test_one_of_two_concurrent_nodes_is_rejected(
        self, storage: MemoryStorage, clock: SteppedClock
    ) -> None:
        outcomes: list[str] = []

        async def claim_node(name: str) -> None:
            try:
                await worker_registry(storage, clock, evolve(ALPHA, name=name)).claim_node()
                outcomes.append("settled")
            except SettingsError:
                outcomes.append("refused")

        async with create_task_group() as workers:
            workers.start_soon(claim_node, "alpha")
            workers.start_soon(claim_node, "beta")

        assert ["refused", "settled"] == sorted(outcomes)

    @pytest.mark.parametrize(
        ("runtime", "replaced_node"),
        [("process", ALPHA), ("docker", None)],
        ids=["same", "another"],
    )
    async def test_takeover_ends_the_jobs_of_the_previous_node(
        self,
        storage: MemoryStorage,
        clock: SteppedClock,
        alpha: WorkerRegistry,
        runtime: str,
        replaced_node: Node | None,
    ) -> None:
        await alpha.claim_node()
        worker = await alpha.register("alpha-17", concurrency=1)
        beta = worker_registry(
            storage, clock, Node(runtime=runtime, name="beta", data_directory_id="5678")
        )

        before = await beta.take_over()

        assert replaced_node == before
        assert await beta.take_over() is None
        assert await beta.claim_node()
        for late in (alpha.claim_node(), alpha.record_heartbeat(worker, jobs=0)):
            with pytest.raises(SettingsError, match="pushpaka takeover"):
                await late


class TestHeartbeat:
    async def test_worker_is_listed_with_its_jobs(
        self, alpha: WorkerRegistry, clock: SteppedClock, system: SystemService
    ) -> None:
        worker = await alpha.register("alpha-17", concurrency=4)
        begun = clock.now
        clock.advance(5)
        await alpha.record_heartbeat(worker, jobs=3)

        (seen,) = await system.workers(PLATFORM)
        await alpha.unregister(worker)

        found = (seen.name, seen.node, seen.version, seen.runtime)
        assert ("alpha-17", "alpha", "1.2.3", "process") == found
        result = (seen.jobs, seen.concurrency, seen.started_at, seen.seen_at)
        assert (3, 4, begun, clock.now) == result
        assert [] == list(await system.workers(PLATFORM))

    async def test_a_killed_worker_is_shown_for_a_while(
        self, alpha: WorkerRegistry, clock: SteppedClock, system: SystemService
    ) -> None:
        await alpha.register("alpha-17", concurrency=4)

        clock.advance(TIMINGS.worker_timeout.total_seconds())
        before = await system.workers(PLATFORM)
        clock.advance(1)
        after = await system.workers(PLATFORM)

        assert (1, 0) == (len(before), len(after))

    async def test_worker_removes_killed_workers(
        self, storage: MemoryStorage, alpha: WorkerRegistry, clock: SteppedClock
    ) -> None:
        await alpha.register("killed", concurrency=1)
        clock.advance(TIMINGS.worker_timeout.total_seconds() + 1)

        living = await alpha.register("living", concurrency=1)

        async with storage.snapshot() as uow:
            assert [living] == list(await uow.workers.all())


class TestSystem:
    async def test_shows_the_adapters_of_the_instance(
        self, alpha: WorkerRegistry, system: SystemService
    ) -> None:
        await alpha.claim_node()
        worker = await alpha.register("alpha-17", concurrency=1)

        state = await system.describe(PLATFORM)

        assert ("1.2.3", "apps.example.org", "alpha") == (
            state.version,
            state.base_domain,
            state.node,
        )
        assert [worker] == list(state.workers)
        assert "sqlite" == state.adapter_names.database

    async def test_node_is_unknown_before_the_first_worker(self, system: SystemService) -> None:
        assert (await system.describe(PLATFORM)).node is None

    async def test_system_is_hidden_from_users(self, system: SystemService) -> None:
        actor = Actor.from_user(a_user())

        with pytest.raises(NotFoundError):
            await system.describe(actor)
        with pytest.raises(NotFoundError):
            await system.workers(actor)
