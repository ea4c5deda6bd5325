"""Prometheus metrics of the platform."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from pushpaka_core.domain.deployments.state_machine import PHASES, DeploymentStatus, Phase
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.platform.nodes import WorkerProcess
from pushpaka_core.domain.volumes.volumes import MEBIBYTE, Volume
from pushpaka_core.services.platform.metrics import (
    LEASE_EXPIRIES,
    LOG_LINES,
    phase_count_name,
    phase_milliseconds_name,
)

_KNOWN_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"}
)
_DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_WORKER_METRICS = {
    "jobs": "Deployments that a worker is processing.",
    "concurrency": "Maximum number of deployments that a worker processes at once.",
    "last_heartbeat_timestamp_seconds": "Unix time of a worker's last heartbeat.",
}


@define
class Metrics:
    """
    The metrics of one application, in their own registry.

    Label values never come from requests, because clients could then create any number of time
    series.
    """

    _registry: CollectorRegistry = field(factory=CollectorRegistry)
    _requests: Counter = field(init=False)
    _durations: Histogram = field(init=False)
    _open_streams: Gauge = field(init=False)
    _streamed_lines: Counter = field(init=False)
    _deployments: Gauge = field(init=False)
    _queue: Gauge = field(init=False)
    _workers: Gauge = field(init=False)
    _volumes: Gauge = field(init=False)
    _volume_limits: Gauge = field(init=False)
    _snapshots: Gauge = field(init=False)
    _worker_info: Gauge = field(init=False)
    _tally_collector: "_TallyCollector" = field(init=False)
    _worker_gauges: Mapping[str, Gauge] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Create and register the metrics."""
        by_route = ("method", "route")
        registry = self._registry
        self._requests = Counter(
            "pushpaka_http_requests",
            "Completed requests.",
            (*by_route, "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "pushpaka_http_request_duration_seconds",
            "Time from the arrival of a request to the end of its response.",
            by_route,
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self._open_streams = Gauge(
            "pushpaka_log_watchers",
            "Open log and event streams.",
            registry=registry,
        )
        self._streamed_lines = Counter(
            "pushpaka_log_lines_streamed", "Log lines sent to clients.", registry=registry
        )
        self._deployments = Gauge(
            "pushpaka_deployments", "Deployments by status.", ("status",), registry=registry
        )
        self._queue = Gauge("pushpaka_queue_depth", "Queued deployments.", registry=registry)
        self._workers = Gauge("pushpaka_workers", "Live worker processes.", registry=registry)
        self._volumes = Gauge(
            "pushpaka_volume_bytes",
            "Disk space used by a volume's files, in bytes.",
            ("volume",),
            registry=registry,
        )
        self._volume_limits = Gauge(
            "pushpaka_volume_limit_bytes",
            "Size limit of a volume that has one.",
            ("volume",),
            registry=registry,
        )
        self._snapshots = Gauge(
            "pushpaka_volume_snapshot_timestamp_seconds",
            "Unix time of a volume's newest available snapshot.",
            ("volume",),
            registry=registry,
        )
        self._worker_info = Gauge(
            "pushpaka_worker_info",
            "Node, version and runtime of each worker. The value is always 1.",
            ("worker", "node", "version", "runtime"),
            registry=registry,
        )
        self._worker_gauges = {
            name: Gauge(f"pushpaka_worker_{name}", description, ("worker",), registry=registry)
            for name, description in _WORKER_METRICS.items()
        }
        self._tally_collector = _TallyCollector()
        registry.register(self._tally_collector)

    def record_request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """
        Count a request that has been answered.

        Args:
            method: The HTTP method, or `WEBSOCKET`. Unknown methods are counted as `other`.
            route: The path template of the route, or None if no route matched.
            status: The HTTP status or WebSocket close code.
            seconds: Time from the request to the end of the response.
        """
        known_method, known_route = method if method in _KNOWN_METHODS else "other", route or "none"
        self._requests.labels(known_method, known_route, status).inc()
        self._durations.labels(known_method, known_route).observe(seconds)

    @contextmanager
    def track_stream(self) -> Iterator[None]:
        """Count an open stream for the duration of the block."""
        with self._open_streams.track_inprogress():
            yield

    def record_streamed_lines(self, lines: int) -> None:
        """Count log lines that were sent to clients."""
        self._streamed_lines.inc(lines)

    def render(
        self,
        deployments: Mapping[DeploymentStatus, int],
        workers: Sequence[WorkerProcess],
        tallies: Mapping[str, int],
        volumes: Sequence[Volume],
        snapshots: Mapping[VolumeId, datetime],
    ) -> bytes:
        """
        Return all metrics in the Prometheus text format.

        Args:
            deployments: Number of deployments by status.
            workers: The live worker processes.
            tallies: The counters that all workers keep in the database.
            volumes: All volumes.
            snapshots: The time of the newest available snapshot of each volume that has one.
        """
        self._set_workers(workers)
        self._tally_collector.tallies = tallies
        self._queue.set(deployments.get(DeploymentStatus.QUEUED, 0))
        for status in DeploymentStatus:
            self._deployments.labels(status).set(deployments.get(status, 0))
        self._volumes.clear()
        self._volume_limits.clear()
        for volume in volumes:
            if volume.used_bytes is not None:
                self._volumes.labels(volume.id).set(volume.used_bytes)
            if volume.size_limit is not None:
                self._volume_limits.labels(volume.id).set(volume.size_limit * MEBIBYTE)
        self._snapshots.clear()
        for volume_id, taken_at in snapshots.items():
            self._snapshots.labels(volume_id).set(taken_at.timestamp())
        return generate_latest(self._registry)

    def _set_workers(self, workers: Sequence[WorkerProcess]) -> None:
        self._workers.set(len(workers))
        for gauge in (self._worker_info, *self._worker_gauges.values()):
            gauge.clear()
        for worker in workers:
            about = worker.name, worker.node, worker.version, worker.runtime
            self._worker_info.labels(*about).set(1)
            self._worker_gauges["jobs"].labels(worker.name).set(worker.jobs)
            self._worker_gauges["concurrency"].labels(worker.name).set(worker.concurrency)
            self._worker_gauges["last_heartbeat_timestamp_seconds"].labels(worker.name).set(
                worker.seen_at.timestamp()
            )


@define(eq=False)
class _TallyCollector(Collector):
    """Exports the counters of all workers. Every API process returns the same values."""

    tallies: Mapping[str, int] = field(factory=dict)

    def collect(self) -> Iterable[Metric]:
        tallies = self.tallies
        phases = SummaryMetricFamily(
            "pushpaka_phase_duration_seconds", "Duration of completed phases.", labels=["phase"]
        )
        for phase in (phase for phase in PHASES if phase is not Phase.RUN):
            seconds = tallies.get(phase_milliseconds_name(phase), 0) / 1000
            phases.add_metric([phase], tallies.get(phase_count_name(phase), 0), seconds)
        yield phases
        yield CounterMetricFamily(
            "pushpaka_log_lines", "Stored log lines.", value=tallies.get(LOG_LINES, 0)
        )
        yield CounterMetricFamily(
            "pushpaka_lease_expiries",
            "Deployments whose lease expired because their worker was lost.",
            value=tallies.get(LEASE_EXPIRIES, 0),
        )
