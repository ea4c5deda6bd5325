"""What the platform tells Prometheus about itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from pushpaka_core.domain.deployment_steps import STEPS, DeploymentStatus, Phase
from pushpaka_core.domain.workers import WorkerProcess
from pushpaka_core.services.measurements import (
    LEASE_EXPIRIES,
    LOG_LINES,
    ends_of,
    milliseconds_of,
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_OF_WORKERS = {
    "jobs": "Deployments in the hands of a worker.",
    "concurrency": "Deployments that a worker does at a time.",
    "last_heartbeat_timestamp_seconds": "When a worker last said that it lives.",
}


@define
class Metrics:
    """
    The metrics of one application, in a registry of their own.

    A label has only values that we chose, never text from a request.
    """

    _registry: CollectorRegistry = field(factory=CollectorRegistry)
    _requests: Counter = field(init=False)
    _durations: Histogram = field(init=False)
    _watchers: Gauge = field(init=False)
    _lines: Counter = field(init=False)
    _deployments: Gauge = field(init=False)
    _queue: Gauge = field(init=False)
    _workers: Gauge = field(init=False)
    _worker_info: Gauge = field(init=False)
    _work: "_WorkCollector" = field(init=False)
    _of_workers: Mapping[str, Gauge] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Register the metrics."""
        by_route = ("method", "route")
        registry = self._registry
        self._requests = Counter(
            "pushpaka_http_requests", "Requests answered.", (*by_route, "status"), registry=registry
        )
        self._durations = Histogram(
            "pushpaka_http_request_duration_seconds",
            "Time from a request to the end of its answer.",
            by_route,
            buckets=_SECONDS,
            registry=registry,
        )
        self._watchers = Gauge(
            "pushpaka_log_watchers",
            "Streams of logs and events that are open now.",
            registry=registry,
        )
        self._lines = Counter(
            "pushpaka_log_lines_streamed", "Log lines sent to watchers.", registry=registry
        )
        self._deployments = Gauge(
            "pushpaka_deployments", "Deployments by their status.", ("status",), registry=registry
        )
        self._queue = Gauge(
            "pushpaka_queue_depth", "Deployments that wait for a worker.", registry=registry
        )
        self._workers = Gauge("pushpaka_workers", "Worker processes that live.", registry=registry)
        self._worker_info = Gauge(
            "pushpaka_worker_info",
            "What a worker is; always 1.",
            ("worker", "node", "version", "runtime"),
            registry=registry,
        )
        self._of_workers = {
            name: Gauge(f"pushpaka_worker_{name}", told, ("worker",), registry=registry)
            for name, told in _OF_WORKERS.items()
        }
        self._work = _WorkCollector()
        registry.register(self._work)

    def saw_request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        known_method, known_route = method if method in _METHODS else "other", route or "none"
        self._requests.labels(known_method, known_route, status).inc()
        self._durations.labels(known_method, known_route).observe(seconds)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count a watcher for as long as the block lasts."""
        with self._watchers.track_inprogress():
            yield

    def streamed(self, lines: int) -> None:
        """Count lines that were sent to a watcher."""
        self._lines.inc(lines)

    def page(
        self,
        deployments: Mapping[DeploymentStatus, int],
        workers: Sequence[WorkerProcess],
        tallies: Mapping[str, int],
    ) -> bytes:
        """Return everything in the text format of Prometheus."""
        self._show_workers(workers)
        self._work.tallies = tallies
        self._queue.set(deployments.get(DeploymentStatus.QUEUED, 0))
        for status in DeploymentStatus:
            self._deployments.labels(status).set(deployments.get(status, 0))
        return generate_latest(self._registry)

    def _show_workers(self, workers: Sequence[WorkerProcess]) -> None:
        self._workers.set(len(workers))
        for gauge in (self._worker_info, *self._of_workers.values()):
            gauge.clear()
        for worker in workers:
            about = worker.name, worker.node, worker.version, worker.runtime
            self._worker_info.labels(*about).set(1)
            self._of_workers["jobs"].labels(worker.name).set(worker.jobs)
            self._of_workers["concurrency"].labels(worker.name).set(worker.concurrency)
            self._of_workers["last_heartbeat_timestamp_seconds"].labels(worker.name).set(
                worker.seen_at.timestamp()
            )


@define(eq=False)
class _WorkCollector(Collector):
    """Shows what all workers have counted, whichever process is asked for it."""

    tallies: Mapping[str, int] = field(factory=dict)

    def collect(self) -> Iterable[Metric]:
        told = self.tallies
        phases = SummaryMetricFamily(
            "pushpaka_phase_duration_seconds", "Time in a phase until it ended.", labels=["phase"]
        )
        for phase in (phase for phase in STEPS if phase is not Phase.RUN):
            seconds = told.get(milliseconds_of(phase), 0) / 1000
            phases.add_metric([phase], told.get(ends_of(phase), 0), seconds)
        yield phases
        yield CounterMetricFamily(
            "pushpaka_log_lines", "Log lines that were kept.", value=told.get(LOG_LINES, 0)
        )
        yield CounterMetricFamily(
            "pushpaka_lease_expiries",
            "Workers that were lost with their job.",
            value=told.get(LEASE_EXPIRIES, 0),
        )
