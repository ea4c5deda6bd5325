"""How the instance itself looks."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Self

from attrs import frozen

from pushpaka_core.domain.activity import Activity, DayOfDeployments, Outcome, PhaseDurations, Queue
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.workers import WorkerId, WorkerProcess

if TYPE_CHECKING:
    from pushpaka_core.ports.machines import Machine
    from pushpaka_core.services.system import System


@frozen(kw_only=True, slots=False)
class WorkerResponse:
    """A process that deploys."""

    id: WorkerId
    name: str
    node: str
    version: str
    runtime: str
    jobs: int
    concurrency: int
    started_at: datetime
    last_heartbeat_at: datetime

    @classmethod
    def of(cls, worker: WorkerProcess) -> Self:
        """Show *worker*."""
        return cls(
            id=worker.id,
            name=worker.name,
            node=worker.node,
            version=worker.version,
            runtime=worker.runtime,
            jobs=worker.jobs,
            concurrency=worker.concurrency,
            started_at=worker.started_at,
            last_heartbeat_at=worker.seen_at,
        )


@frozen(kw_only=True, slots=False)
class MachineResponse:
    """A machine of a Swarm."""

    name: str
    address: str
    role: str
    state: str
    availability: str

    @classmethod
    def of(cls, machine: "Machine") -> Self:
        """Show *machine*."""
        return cls(
            name=machine.name,
            address=machine.address,
            role=machine.role,
            state=machine.state,
            availability=machine.availability,
        )


@frozen(kw_only=True, slots=False)
class QueueResponse:
    """What is to be done, and what is being done."""

    waiting: int
    in_work: int
    oldest_waiting_since: datetime | None

    @classmethod
    def of(cls, queue: Queue) -> Self:
        """Show *queue*."""
        return cls(
            waiting=queue.waiting,
            in_work=queue.in_work,
            oldest_waiting_since=queue.oldest_waiting_since,
        )


@frozen(kw_only=True, slots=False)
class SystemResponse:
    """What an instance runs on."""

    version: str
    runtime: str
    router: str
    database: str
    redis: bool
    base_domain: str
    node: str | None
    nodes: Sequence[MachineResponse] | None
    workers: Sequence[WorkerResponse]
    queue: QueueResponse

    @classmethod
    def of(cls, system: "System") -> Self:
        """Show *system*."""
        return cls(
            version=system.version,
            runtime=system.technologies.runtime,
            router=system.technologies.router,
            database=system.technologies.database,
            redis=system.technologies.redis,
            base_domain=system.base_domain,
            node=system.node,
            nodes=None
            if system.machines is None
            else [MachineResponse.of(machine) for machine in system.machines],
            workers=[WorkerResponse.of(worker) for worker in system.workers],
            queue=QueueResponse.of(system.queue),
        )


@frozen(kw_only=True, slots=False)
class DayResponse:
    """The deployments that were asked for on one day, by what has become of them."""

    day: date
    succeeded: int
    failed: int
    cancelled: int
    superseded: int
    open: int
    median_ms: int | None
    """How long half of those took at most that were built and have run."""
    p95_ms: int | None

    @classmethod
    def of(cls, day: DayOfDeployments) -> Self:
        """Show *day*."""
        took = day.durations
        return cls(
            day=day.day,
            succeeded=day.outcomes[Outcome.SUCCEEDED],
            failed=day.outcomes[Outcome.FAILED],
            cancelled=day.outcomes[Outcome.CANCELLED],
            superseded=day.outcomes[Outcome.SUPERSEDED],
            open=day.outcomes[Outcome.OPEN],
            median_ms=None if took is None else _milliseconds(took.median),
            p95_ms=None if took is None else _milliseconds(took.p95),
        )


@frozen(kw_only=True, slots=False)
class PhaseResponse:
    """How long a phase took, ever since workers count."""

    phase: Phase
    times: int
    mean_ms: int

    @classmethod
    def of(cls, phase: PhaseDurations) -> Self:
        """Show *phase*."""
        return cls(phase=phase.phase, times=phase.times, mean_ms=_milliseconds(phase.mean))


@frozen(kw_only=True, slots=False)
class ActivityResponse:
    """What an instance has done in the last 30 days, in UTC."""

    days: Sequence[DayResponse]
    phases: Sequence[PhaseResponse]

    @classmethod
    def of(cls, activity: Activity) -> Self:
        """Show *activity*."""
        return cls(
            days=[DayResponse.of(day) for day in activity.days],
            phases=[PhaseResponse.of(phase) for phase in activity.phases],
        )


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
