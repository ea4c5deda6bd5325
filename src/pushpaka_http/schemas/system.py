"""Response bodies for the state of the instance."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Self

from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import WorkerId
from pushpaka_core.domain.platform.activity import (
    Activity,
    DailyDeployments,
    Outcome,
    PhaseDurations,
    QueueLength,
)
from pushpaka_core.domain.platform.nodes import WorkerProcess
from pushpaka_http.schemas.conversions import from_attributes, milliseconds

if TYPE_CHECKING:
    from pushpaka_core.ports.runtime import ClusterNode
    from pushpaka_core.services.platform.system import SystemInfo


@frozen(kw_only=True, slots=False)
class WorkerResponse:
    """A worker process."""

    id: WorkerId
    """Id of the process, new at each start."""
    name: str
    """Name for operators, made up of the node's name, the process id and a random part."""
    node: str
    """Name of the node."""
    version: str
    """Version of Pushpaka."""
    runtime: str
    """Runtime, for example "docker"."""
    jobs: int
    """Number of deployments in progress."""
    concurrency: int
    """Maximum number of concurrent deployments."""
    started_at: datetime
    """When the process was started."""
    last_heartbeat_at: datetime
    """When the process last sent a heartbeat."""

    @classmethod
    def of(cls, worker: WorkerProcess) -> Self:
        """Return the response for *worker*."""
        return from_attributes(cls, worker, last_heartbeat_at=worker.seen_at)


@frozen(kw_only=True, slots=False)
class NodeResponse:
    """A node of a Docker Swarm."""

    name: str
    """Name of the node."""
    address: str
    """IP address."""
    role: str
    """"manager" or "worker"."""
    state: str
    """"ready", or why the node runs nothing, for example "down"."""
    availability: str
    """Whether the node accepts new instances: "active", "pause" or "drain"."""

    @classmethod
    def of(cls, node: "ClusterNode") -> Self:
        """Return the response for *node*."""
        return from_attributes(cls, node)


@frozen(kw_only=True, slots=False)
class QueueResponse:
    """The number of queued deployments and of those in progress."""

    waiting: int
    """Number of queued deployments."""
    running: int
    """Number of deployments in progress."""
    oldest_waiting_since: datetime | None
    """When the oldest queued deployment was created; null if none is queued."""

    @classmethod
    def of(cls, queue: QueueLength) -> Self:
        """Return the response for *queue*."""
        return cls(
            waiting=queue.queued,
            running=queue.in_progress,
            oldest_waiting_since=queue.oldest_queued_at,
        )


@frozen(kw_only=True, slots=False)
class SystemResponse:
    """The components, workers and queue of the instance."""

    version: str
    """Version of Pushpaka."""
    runtime: str
    """Runtime, for example "docker"."""
    router: str
    """Router, for example "traefik"."""
    database: str
    """Database, for example "sqlite"."""
    redis: bool
    """Whether Redis is used."""
    base_domain: str
    """Domain whose subdomains are the host names of projects."""
    node: str | None
    """Name of the node that runs applications; null before the first start of a worker."""
    nodes: Sequence[NodeResponse] | None
    """Nodes of the Docker Swarm; null without a Swarm, or if it does not respond."""
    workers: Sequence[WorkerResponse]
    """Running worker processes."""
    queue: QueueResponse
    """The queue of deployments."""

    @classmethod
    def of(cls, system: "SystemInfo") -> Self:
        """Return the response for *system*."""
        return cls(
            version=system.version,
            runtime=system.adapter_names.runtime,
            router=system.adapter_names.router,
            database=system.adapter_names.database,
            redis=system.adapter_names.redis,
            base_domain=system.base_domain,
            node=system.node,
            nodes=None
            if system.machines is None
            else [NodeResponse.of(node) for node in system.machines],
            workers=[WorkerResponse.of(worker) for worker in system.workers],
            queue=QueueResponse.of(system.queue_length),
        )


@frozen(kw_only=True, slots=False)
class DailyDeploymentsResponse:
    """The number of deployments created on one day, by outcome."""

    day: date
    """Day in UTC."""
    succeeded: int
    """Number of deployments that went live and were not rolled back automatically."""
    failed: int
    """Number of failed deployments."""
    cancelled: int
    """Number of canceled deployments."""
    superseded: int
    """Number of superseded deployments."""
    open: int
    """Number of deployments that are queued or in progress."""
    median_ms: int | None
    """
    Median (p50) duration in milliseconds of the deployments that were built and ran; null if there
    were none.
    """
    p95_ms: int | None
    """95th percentile of the same durations in milliseconds; null if there were none."""

    @classmethod
    def of(cls, day: DailyDeployments) -> Self:
        """Return the response for *day*."""
        took = day.durations
        return cls(
            day=day.day,
            succeeded=day.outcomes[Outcome.SUCCEEDED],
            failed=day.outcomes[Outcome.FAILED],
            cancelled=day.outcomes[Outcome.CANCELLED],
            superseded=day.outcomes[Outcome.SUPERSEDED],
            open=day.outcomes[Outcome.OPEN],
            median_ms=None if took is None else milliseconds(took.median),
            p95_ms=None if took is None else milliseconds(took.p95),
        )


@frozen(kw_only=True, slots=False)
class PhaseDurationResponse:
    """The mean duration of a phase since the counters started."""

    phase: Phase
    """The phase."""
    count: int
    """How often the duration was measured."""
    mean_ms: int
    """Mean duration in milliseconds."""

    @classmethod
    def of(cls, phase: PhaseDurations) -> Self:
        """Return the response for *phase*."""
        return cls(phase=phase.phase, count=phase.count, mean_ms=milliseconds(phase.mean))


@frozen(kw_only=True, slots=False)
class ActivityResponse:
    """The deployments of the last 30 days (in UTC) and the durations of the phases."""

    days: Sequence[DailyDeploymentsResponse]
    """One entry for each day, oldest first."""
    phases: Sequence[PhaseDurationResponse]
    """Mean duration of each phase since the first start of the instance."""

    @classmethod
    def of(cls, activity: Activity) -> Self:
        """Return the response for *activity*."""
        return cls(
            days=[DailyDeploymentsResponse.of(day) for day in activity.days],
            phases=[PhaseDurationResponse.of(phase) for phase in activity.phases],
        )
