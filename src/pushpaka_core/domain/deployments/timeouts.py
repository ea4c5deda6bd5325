"""Timeouts and intervals of an instance."""

from datetime import datetime, timedelta
from typing import Self

from attrs import evolve, frozen

from pushpaka_core.domain.deployments.state_machine import PHASES, Phase


@frozen(kw_only=True)
class Timeouts:
    """The timeouts and intervals for all deployments of an instance."""

    source: timedelta = timedelta(seconds=120)
    """The timeout for fetching the source code."""
    build: timedelta = timedelta(minutes=15)
    """The timeout for the build."""
    release: timedelta = timedelta(minutes=10)
    """The timeout for the release command."""
    deadline_margin: timedelta = timedelta(minutes=2)
    """How long a phase may exceed its timeout before the worker aborts it."""
    drain_time: timedelta = timedelta(seconds=30)
    """How long a replaced deployment may take to complete open requests."""
    stop_grace: timedelta = timedelta(seconds=10)
    """The time between SIGTERM and SIGKILL."""
    hold_time: timedelta = timedelta(seconds=30)
    """How long requests are held while the only writer of an application is replaced."""
    hold_drain_time: timedelta = timedelta(seconds=10)
    """How long the only writer may take to complete open requests before it is replaced."""
    poll_interval: timedelta = timedelta(seconds=2)
    """
    The interval at which the queue is polled.

    If a hint is lost, a claim or an event is delayed by at most this time.
    """
    heartbeat_interval: timedelta = timedelta(seconds=5)
    """The interval of heartbeats."""
    heartbeat_timeout: timedelta = timedelta(seconds=15)
    """How long a worker can fail to send heartbeats before it stops its own job."""
    lease_timeout: timedelta = timedelta(seconds=20)
    """How long a lease can go without a heartbeat before it counts as lost."""
    probe_interval: timedelta = timedelta(seconds=1)
    """The interval of health checks of a new instance."""
    min_pass_interval: timedelta = timedelta(seconds=1)
    """The minimum time between the two health checks that a new instance has to pass."""
    probe_timeout: timedelta = timedelta(seconds=5)
    """The timeout of one health check."""
    liveness_interval: timedelta = timedelta(seconds=10)
    """The interval of probes of live instances."""
    min_uptime: timedelta = timedelta(seconds=5)
    """
    How long a process without a port must run, or a TCP connection stay open, to pass the health
    check.
    """
    supervision_interval: timedelta = timedelta(seconds=1)
    """The interval at which instances are supervised."""
    gc_interval: timedelta = timedelta(seconds=15)
    """The interval of garbage collection: orphans, drift and retention."""

    @property
    def worker_timeout(self) -> timedelta:
        """Return how long a worker can stay silent before it is no longer listed."""
        return 3 * self.lease_timeout

    def phase_timeout(self, phase: Phase) -> timedelta:
        """
        Return the timeout of *phase*.

        Raises:
            LookupError: If the phase has no timeout in PHASES.
        """
        name = PHASES[phase].timeout
        if name is None:
            raise LookupError(f"The phase {phase} has no timeout.")
        timeout: timedelta = getattr(self, name)
        return timeout

    def phase_deadline(self, phase: Phase, *, default_timeout: timedelta) -> timedelta:
        """
        Return the time after which the worker aborts *phase*.

        This time is longer than the timeout of the phase, which has a more specific error message.

        Args:
            phase: The phase.
            default_timeout: The timeout of a phase that has none in PHASES.
        """
        has_timeout = PHASES[phase].timeout is not None
        return (
            self.phase_timeout(phase) if has_timeout else default_timeout
        ) + self.deadline_margin

    def with_short_intervals(self, lease_timeout: timedelta) -> Self:
        """
        Return timeouts with shorter intervals, for tests.

        The intervals are only as short as tests need, because many test processes run at once and
        each spends CPU time on polling.

        Args:
            lease_timeout: How long a lease can go without a heartbeat before it counts as lost.
        """
        return evolve(
            self,
            stop_grace=timedelta(seconds=2),
            poll_interval=timedelta(milliseconds=250),
            heartbeat_interval=timedelta(milliseconds=500),
            heartbeat_timeout=lease_timeout * 0.75,
            lease_timeout=lease_timeout,
            probe_interval=timedelta(milliseconds=200),
            min_pass_interval=timedelta(milliseconds=200),
            liveness_interval=timedelta(seconds=1),
            supervision_interval=timedelta(milliseconds=500),
            gc_interval=timedelta(seconds=1),
        )


def has_passed(moment: datetime | None, *, now: datetime, max_distance: timedelta) -> bool:
    """
    Return True if *moment* has passed.

    A moment that is further away than *max_distance* means that the clock was set back, and counts
    as passed.
    """
    return moment is not None and not timedelta(0) < moment - now <= max_distance
