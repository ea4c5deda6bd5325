"""Processes that compete for the lease of a node. Each can be paused and killed."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from anyio import sleep_forever
from attrs import define, evolve, field
from tests.faults.scheduler import SteppedTask
from tests.platform_fixtures import FAST

from pushpaka_core.container.worker import WorkerServices
from pushpaka_core.domain.platform.nodes import NodeLease
from pushpaka_core.ports.system import Stopwatch
from pushpaka_worker.leader_election import LeaderElection

Verb = Callable[[], Awaitable[None]]

TIMINGS = evolve(
    FAST,
    poll_interval=timedelta(microseconds=50),
    heartbeat_interval=timedelta(microseconds=50),
    heartbeat_timeout=timedelta(hours=2),
    lease_timeout=timedelta(seconds=20),
)
"""Intervals so short that a process acts at each step of a test, and only then."""


def reconciler_operations(worker_services: WorkerServices) -> Mapping[str, Verb]:
    """Return the operations that a reconciler repeats, by a short name."""
    return {
        "finish_switches": worker_services.reconciler.finish_cutovers,
        "stop_drained": worker_services.reconciler.stop_drained,
        "tend": worker_services.instance_supervisor.check_all,
        "restart": worker_services.rolling_restart.advance,
        "check_liveness": worker_services.instance_supervisor.check_liveness,
        "check_watched": worker_services.instance_supervisor.check_rollback_windows,
        "delete_projects": worker_services.garbage_collector.projects.delete_projects,
        "mend_routes": worker_services.reconciler.repair_routes,
        "sweep": worker_services.garbage_collector.collect,
    }


HOLDER_VERBS = frozenset(
    {"tend", "restart", "check_liveness", "check_watched", "delete_projects", "sweep"}
)
"""The operations whose writes require the node lease. The others are harmless in any process."""


@define(eq=False)
class NodeProcess:
    """A process with its leader election, and the operations that it runs as the lease holder."""

    name: str
    worker_services: WorkerServices
    stopwatch: Stopwatch
    leader_election: SteppedTask = field(factory=SteppedTask)
    running: dict[str, SteppedTask] = field(factory=dict)
    is_holder: bool = False

    async def run(self) -> None:
        """Compete for the lease until canceled."""
        leader_election = LeaderElection(
            self.worker_services.held_lease,
            TIMINGS,
            holder=self.name,
            is_only_worker=False,
            stopwatch=self.stopwatch,
        )
        await leader_election.run(self._hold)

    def holds(self, lease: NodeLease | None) -> bool:
        """Return True if this process believes that it holds *lease*."""
        held = self.worker_services.held_lease._lease
        return lease is not None and held is not None and held.has_same_holder(lease)

    @property
    def tasks(self) -> list[SteppedTask]:
        """The leader election and all operations of the process."""
        return [self.leader_election, *self.running.values()]

    async def _hold(self) -> None:
        self.is_holder = True
        try:
            await sleep_forever()
        finally:
            self.is_holder = False
