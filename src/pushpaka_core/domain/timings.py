"""How long things may take, and how often they are looked at."""

from datetime import datetime, timedelta
from typing import Self

from attrs import evolve, frozen

from pushpaka_core.domain.deployment_steps import STEPS, Phase


@frozen(kw_only=True)
class Timings:
    """The clockwork of deployments; what is set here holds for a whole instance."""

    source: timedelta = timedelta(seconds=120)
    build: timedelta = timedelta(minutes=15)
    release: timedelta = timedelta(minutes=10)
    spare: timedelta = timedelta(minutes=2)
    """How much longer than its own time a phase may take before it is ended from outside."""
    drain: timedelta = timedelta(seconds=30)
    """How long a replaced deployment may finish what it has begun."""
    stop_grace: timedelta = timedelta(seconds=10)
    """From SIGTERM to SIGKILL."""
    poll: timedelta = timedelta(seconds=2)
    """How long a lost hint can delay a claim, or keep news from somebody who waits for them."""
    heartbeat: timedelta = timedelta(seconds=5)
    give_up: timedelta = timedelta(seconds=15)
    """A worker that could not beat for so long ends its own job."""
    silence: timedelta = timedelta(seconds=20)
    """A lease that has not moved for so long is lost."""
    probe_interval: timedelta = timedelta(seconds=1)
    probe_timeout: timedelta = timedelta(seconds=5)
    liveness_interval: timedelta = timedelta(seconds=10)
    steady: timedelta = timedelta(seconds=5)
    """A process without a port is healthy once it has lived so long."""
    tend: timedelta = timedelta(seconds=1)
    """How often instances are looked at."""
    sweep: timedelta = timedelta(seconds=15)
    """How often the rest is: orphans, drift, retention."""

    @property
    def absence(self) -> timedelta:
        """Return how long a worker may say nothing before it is not shown any more."""
        return 3 * self.silence

    def deadline(self, phase: Phase) -> timedelta:
        """
        Return how long *phase* may take, by the table STEPS.

        Raises:
            LookupError: If the phase has no deadline here.
        """
        name = STEPS[phase].deadline
        if name is None:
            raise LookupError(f"The phase {phase} has no deadline of its own.")
        deadline: timedelta = getattr(self, name)
        return deadline

    def latest(self, phase: Phase, *, patience: timedelta) -> timedelta:
        """Return when *phase* is ended from outside; *patience* is its time where none is set."""
        has_deadline = STEPS[phase].deadline is not None
        return (self.deadline(phase) if has_deadline else patience) + self.spare

    def hastened(self) -> Self:
        """Return the same deadlines with a faster clockwork, for tests that wait for it."""
        return evolve(
            self,
            stop_grace=timedelta(seconds=2),
            poll=timedelta(milliseconds=100),
            heartbeat=timedelta(milliseconds=200),
            give_up=timedelta(seconds=3),
            silence=timedelta(seconds=4),
            probe_interval=timedelta(milliseconds=200),
            liveness_interval=timedelta(seconds=1),
            tend=timedelta(milliseconds=200),
            sweep=timedelta(seconds=1),
        )


def has_come(moment: datetime | None, *, now: datetime, longest: timedelta) -> bool:
    """Tell whether *moment* is past, or further off than *longest*: then the clock was set back."""
    return moment is not None and not timedelta(0) < moment - now <= longest
