"""Cancels pipeline phases that exceed their timeout."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from anyio import move_on_after
from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.errors import PhaseTimeoutError


@frozen
class Deadlines:
    """
    Prevents the phases of a deployment from running forever.

    Adapters enforce the configured timeouts themselves, with better messages. These limits are
    longer, and apply if an adapter does not enforce its own.
    """

    _timeouts: Timeouts

    @property
    def default_limit(self) -> timedelta:
        """Return the limit for phases that have no timeout."""
        return self._timeouts.deadline_margin

    @contextmanager
    def enforce(self, phase: Phase, *, default_timeout: timedelta = timedelta(0)) -> Iterator[None]:
        """
        Cancel the block when *phase* exceeds its timeout by more than `deadline_margin`.

        Args:
            phase: The phase that the block runs.
            default_timeout: The timeout of a phase for which none is configured.

        Raises:
            PhaseTimeoutError: If the block was canceled.
        """
        latest = self._timeouts.phase_deadline(
            phase, default_timeout=default_timeout
        ).total_seconds()
        with move_on_after(latest) as scope:
            yield
        if scope.cancelled_caught:
            raise PhaseTimeoutError(phase, latest)
