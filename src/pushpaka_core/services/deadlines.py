"""Ends what ought to have ended by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from anyio import move_on_after
from attrs import frozen

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import PhaseTimeoutError


@frozen
class Deadlines:
    """
    Sees to it that no phase goes on for ever, whatever it waits for.

    The adapters keep the deadlines that people set, and say more about them. This is
    for what they do not see, or do not keep.
    """

    _timings: Timings

    @property
    def spare(self) -> timedelta:
        """Return how long something may take that has no deadline and needs none."""
        return self._timings.spare

    @contextmanager
    def over(self, phase: Phase, *, patience: timedelta = timedelta(0)) -> Iterator[None]:
        """
        End the block when *phase* is out of time; *patience* is its own time where none is set.

        Raises:
            PhaseTimeoutError: If it was ended.
        """
        latest = self._timings.latest(phase, patience=patience).total_seconds()
        with move_on_after(latest) as scope:
            yield
        if scope.cancelled_caught:
            raise PhaseTimeoutError(phase, latest)
