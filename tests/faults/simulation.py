"""A platform with two workers and two node processes, which tests run step by step."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar, cast

from attrs import define, evolve, field
from tests.faults.node_processes import HOLDER_VERBS, TIMINGS, NodeProcess, reconciler_operations
from tests.faults.promises import (
    Observer,
    Snapshot,
    assert_all_at_rest,
    assert_broken_releases_rolled_back,
    assert_nothing_orphaned,
    assert_routes_lead_to_programs,
    assert_routes_match,
    snapshot_of,
)
from tests.faults.scheduler import SteppedStorage, SteppedTask
from tests.platform_fixtures import FAST, Platform, open_platform

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.platform.nodes import NodeLease
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import LeaseLostError, NotFoundError, PushpakaError, UnavailableError
from pushpaka_core.ports.storage.deployments import LeaseObservation
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_worker.admission_gate import AdmissionGate
from pushpaka_worker.lease_expiry import LeaseExpiry
from pushpaka_worker.worker import Worker

T = TypeVar("T")
Function = Callable[[], Awaitable[object]]
OpenStorage = Callable[[], AbstractAsyncContextManager[Storage]]

WORKER_TIMINGS = evolve(
    FAST,
    poll_interval=timedelta(microseconds=50),
    heartbeat_interval=timedelta(hours=1),
    heartbeat_timeout=timedelta(hours=2),
    lease_timeout=timedelta(seconds=20),
)
"""Timings with which a worker acts only when a test steps it, and sends only one heartbeat."""
ROUNDS = 12
"""The number of reconciliation rounds after which no work may be left."""


class UnexpectedErrors(logging.Handler):
    """Records errors that workers log and survive, unless they are a PushpakaError."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, PushpakaError):
            self.found.append(error)


@define
class Simulation:
    """The platform, its programs and its clocks. Checks the promises after each step."""

    platform: Platform
    storage: SteppedStorage
    observer: Observer
    workers: list[SteppedTask]
    _runner: asyncio.Runner
    _stack: AsyncExitStack
    _unexpected: UnexpectedErrors
    seconds: float = field(default=0, init=False)
    """The time of the monotonic clock, by which leases expire."""
    _watches: Sequence[LeaseExpiry[LeaseObservation]] = field(init=False)
    _beaten_at: dict[Lease, float] = field(factory=dict, init=False)
    """The time of each lease's last heartbeat, or of its claim."""
    _programs: dict[SteppedTask, Worker] = field(factory=dict, init=False)
    is_broken: bool = field(default=False, init=False)
    """Whether an unexpected error has occurred, after which nothing more can be checked."""
    processes: list[NodeProcess] = field(factory=list, init=False)
    _node: NodeLease | None = field(default=None, init=False)
    _node_beaten_at: float = field(default=0, init=False)
    _killed: list[SteppedTask] = field(factory=list, init=False)
    """Tasks of killed processes, which are never stepped again."""

    @_watches.default
    def _new_watches(self) -> Sequence[LeaseExpiry[LeaseObservation]]:
        return [LeaseExpiry(WORKER_TIMINGS.lease_timeout) for _ in range(2)]

    @classmethod
    def open(cls, open_storage: OpenStorage) -> Self:
        """Open a platform on a new event loop, with two workers and two node processes."""
        runner, stack = asyncio.Runner(), AsyncExitStack()
        storage = SteppedStorage(runner.run(stack.enter_async_context(open_storage())))
        opening = open_platform(cast("MemoryStorage", storage))
        platform = runner.run(stack.enter_async_context(opening))
        unexpected = UnexpectedErrors()
        logging.getLogger("pushpaka_worker").addHandler(unexpected)
        observer = Observer(platform, storage.inner)
        simulation = cls(platform, storage, observer, [], runner, stack, unexpected)
        storage.is_atomic = simulation._holds_lock
        simulation.run(platform.worker_services.held_lease.release())
        simulation.workers += [simulation.new_worker(number) for number in range(2)]
        simulation.processes += [simulation.new_process(number) for number in range(2)]
        return simulation

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to completion, and return its result."""
        try:
            return self._runner.run(coroutine)
        except BaseException:
            self.is_broken = True
            raise

    def request(self, coroutine: Coroutine[Any, Any, Any]) -> bool:
        """Run a coroutine to completion. Return False if it raises a PushpakaError."""
        try:
            self.run(coroutine)
        except PushpakaError:
            self.is_broken = False
            return False
        return True

    def check(self) -> Snapshot:
        """Check all promises that hold at any moment, and return the rows."""
        now = self.run(self.observer.check())
        self._read_node_lease()
        self._beaten_at = {lease: self._beaten_at.get(lease, self.seconds) for lease in now.leases}
        self.is_broken = bool(self._unexpected.found)
        assert [] == self._unexpected.found
        return now

    def snapshot(self) -> Snapshot:
        """Return a snapshot of the stored rows."""
        return self.run(snapshot_of(self.storage.inner))

    def kill_worker(self, worker: int) -> None:
        """Stop a worker immediately, as SIGKILL does, and start another one."""
        self._killed.append(self.workers[worker])
        self.workers[worker] = self.new_worker(worker)

    def interrupt(self, function: Function, steps: float) -> None:
        """Start *function*, and stop it after *steps* steps, as if its process were killed."""
        task = self._start(function)
        self.run(task.step(steps))
        self._killed.append(task)

    def kill_process(self, process: int) -> None:
        """Kill a node process with all its tasks, and start another one."""
        self._killed += self.processes[process].tasks
        self.processes[process] = self.new_process(process)

    def new_process(self, number: int) -> NodeProcess:
        """Start a process that competes for the lease of the node."""
        engine = self.platform.another_engine()
        process = NodeProcess(f"process-{number}", engine, lambda: self.seconds)
        process.leader_election = self._start(process.run)
        return process

    def new_worker(self, number: int) -> SteppedTask:
        """Start a worker, and return its task."""
        engine = self.platform.worker_services
        worker = Worker(
            pipeline=engine.pipeline,
            admission_gate=AdmissionGate(engine.admission_control),
            queue=self.platform.queue,
            events=self.platform.events,
            timeouts=WORKER_TIMINGS,
            name=f"worker-{number}",
            concurrency=1,
        )
        task = self._start(worker.run)
        self._programs[task] = worker
        return task

    def tick(self, seconds: int) -> None:
        """Advance the wall clock and the monotonic clock by *seconds*."""
        self.platform.clock.advance(seconds)
        self.seconds += seconds

    def beat(self, worker: int) -> None:
        """Send a heartbeat for each lease of a worker."""
        for lease in list(self._programs[self.workers[worker]]._held_leases):
            if self.request(self.platform.worker_services.pipeline.renew(lease)):
                self._beaten_at[lease] = self.seconds

    def requeue_silent(self, watch: int) -> None:
        """
        Observe all leases as one of two reconcilers, and requeue deployments whose lease has
        expired.
        """
        reconciliation = self.platform.worker_services.reconciler
        seen = self.run(reconciliation.leases())
        for observation in self._watches[watch].expired(seen, now=self.seconds):
            lease = observation.lease
            silence = timedelta(seconds=self.seconds - self._beaten_at[lease])
            assert silence >= WORKER_TIMINGS.lease_timeout, (
                "P2: a lease was taken from a live worker"
            )
            self.request(reconciliation.requeue(lease))

    def step_leader_election(self, process_number: int, steps: float) -> None:
        """Step the leader election of a process. P2: it takes only expired leases."""
        process, before = self.processes[process_number], self._read_node_lease()
        self.run(process.leader_election.step(steps))
        after = self.run(process.worker_services.held_lease.read())
        if after and before and after.fence > before.fence and before.is_held:
            silence = timedelta(seconds=self.seconds - self._node_beaten_at)
            is_own_lease = before.holder == process.name
            assert is_own_lease or silence >= TIMINGS.lease_timeout, (
                "P2: a node was taken from its holder"
            )
        if not process.is_holder:
            for task in process.running.values():
                self.run(task.end())
            process.running.clear()

    def reconcile(self, process_number: int, verb: str, steps: float) -> None:
        """Step the operation *verb* in the lease holder, or the leader election elsewhere."""
        process = self.processes[process_number]
        if not process.is_holder:
            self.step_leader_election(process_number, steps)
            return
        task = process.running.get(verb)
        if task is None or task.is_over:
            task = process.running[verb] = self._start(
                reconciler_operations(process.worker_services)[verb]
            )
        is_stale = verb in HOLDER_VERBS and not process.holds(self._read_node_lease())
        before = self._rows() if is_stale else None
        self.run(task.step(steps))
        assert before is None or before == self._rows(), "P2: a former holder changed a row"

    def holder(self) -> int:
        """Step the leader elections until a process holds the node lease, and return its number."""
        for _ in range(ROUNDS):
            for number, process in enumerate(self.processes):
                if process.is_holder and process.holds(self._read_node_lease()):
                    return number
                self.step_leader_election(number, 2)
            self.seconds += TIMINGS.lease_timeout.total_seconds()
        raise AssertionError("P2: no process acquires the lease of the node")

    def drain_queue(self) -> None:
        """Run all queued deployments to completion."""
        self.run(self._drain_queue())

    def end_work(self, project: Project) -> None:
        """Requeue the project's deployment in progress, or finish it after its commit point."""
        reconciliation = self.platform.worker_services.reconciler
        for deployment in self.snapshot().of(project):
            if deployment.is_in_progress:
                self.run(reconciliation.requeue(deployment.lease))
        self.run(reconciliation.finish_cutovers())

    def leases_of(self, programs: Collection[str]) -> Collection[Lease]:
        """Return the valid leases under which *programs* were started."""
        now = self.snapshot()
        return {i.lease for i in now.instances if i.name in programs} & now.leases

    def stale_leases(self) -> Sequence[Lease]:
        """Return the leases that are no longer valid."""
        valid = self.snapshot().leases
        return [lease for lease in self.observer.leases if lease not in valid]

    def use_stale_lease(self, lease: Lease) -> None:
        """P2: require that writes under the lost *lease* change nothing."""
        before = self.snapshot()
        pipeline = self.platform.worker_services.pipeline
        for verb in (
            pipeline.renew,
            pipeline.finish,
            pipeline.end_canceled,
            pipeline.requeue_on_shutdown,
            partial(pipeline.requeue_after_failure, reason="The work broke off."),
        ):
            try:
                self.run(cast("Coroutine[Any, Any, None]", verb(lease)))
            except (LeaseLostError, NotFoundError, UnavailableError):
                self.is_broken = False
        after = self.snapshot()
        assert before.deployments == after.deployments, "P2: a lost lease changed a deployment"
        assert before.targets == after.targets, "P2: a lost lease changed a target"

    def reconcile_and_check(self) -> Snapshot:
        """P4, P7: reconcile twice, and require that nothing is orphaned or wrongly routed."""
        self.run(self.platform.take_node())
        for _ in range(2):
            for verb in reconciler_operations(self.platform.worker_services).values():
                self.run(cast("Coroutine[Any, Any, None]", verb()))
        self.run(self.platform.worker_services.held_lease.release())
        now = self.check()
        assert_routes_match(self.platform, now)
        assert_routes_lead_to_programs(self.platform)
        assert_broken_releases_rolled_back(now, moment=self.platform.clock.now)
        self.run(assert_nothing_orphaned(self.platform, now))
        return now

    def run_to_rest(self) -> None:
        """P1: without faults, one worker completes every deployment, and nothing is left over."""
        self.run(self.platform.reconciler().requeue_all())
        for _ in range(ROUNDS):
            self.drain_queue()
            self.reconcile_and_check()
            self.platform.clock.advance(31)
        assert_all_at_rest(self.check())
        assert self.run(self.platform.is_cleaned_up()), "P7: something is left, or gone"

    def close(self) -> None:
        """End all tasks, and close the platform, whatever state it is in."""
        logging.getLogger("pushpaka_worker").removeHandler(self._unexpected)
        try:
            tasks = [task for process in self.processes for task in process.tasks]
            for task in [*self.workers, *tasks, *self._killed]:
                self.run(task.end())
            self.run(self._stack.aclose())
        finally:
            self._runner.close()

    async def _drain_queue(self) -> None:
        pipeline = self.platform.worker_services.pipeline
        while (lease := await pipeline.claim("worker-9")) is not None:
            # A takeover waits for instances that are starting.
            await self.platform.take_node()
            for _ in range(ROUNDS):
                await self.platform.worker_services.instance_supervisor.check_all()
            await self.platform.worker_services.held_lease.release()
            if await pipeline.prepare(lease):
                await pipeline.finish(lease)

    def _read_node_lease(self) -> NodeLease | None:
        """Return the node lease. P2: its fence only grows."""
        now = self.run(self.platform.worker_services.held_lease.read())
        if now != self._node:
            fences = [lease.fence for lease in (self._node, now) if lease is not None]
            assert fences == sorted(fences), "P2: a node went back to a former holder"
            self._node, self._node_beaten_at = now, self.seconds
        return now

    def _rows(self) -> object:
        """Return the rows that only the holder of the node lease may write, which excludes logs."""
        now = self.snapshot()
        deployments = [evolve(d, last_seq=0) for d in now.deployments.values()]
        return deployments, now.targets, now.instances, now.projects

    def _holds_lock(self) -> bool:
        engines = [
            self.platform.worker_services,
            *(process.worker_services for process in self.processes),
        ]
        locks = [engine.route_publisher._publish_lock for engine in engines]
        for engine in engines:
            locks += engine.instance_lifecycle._starter._locks._locks.values()
        return any(lock.locked() for lock in locks)

    def _start(self, function: Function) -> SteppedTask:
        task = SteppedTask()

        async def begin() -> None:
            task.begin(cast("Callable[[], Coroutine[Any, Any, None]]", function))
            await task.step(0)

        self.run(begin())
        return task
