"""What the platform tells Prometheus about itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pushpaka_core.domain.deployments import DeploymentStatus

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


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
            "pushpaka_log_watchers", "Log streams that are open now.", registry=registry
        )
        self._lines = Counter(
            "pushpaka_log_lines_streamed", "Log lines sent to watchers.", registry=registry
        )
        self._deployments = Gauge(
            "pushpaka_deployments", "Deployments by their status.", ("status",), registry=registry
        )

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

    def page(self, deployments: Mapping[DeploymentStatus, int]) -> bytes:
        """Return everything in the text format of Prometheus."""
        for status in DeploymentStatus:
            self._deployments.labels(status).set(deployments.get(status, 0))
        return generate_latest(self._registry)
