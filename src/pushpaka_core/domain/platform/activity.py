"""Statistics about recent deployments and the queue."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import (
    ENDED_WITHOUT_SERVING,
    SERVING,
    DeploymentStatus,
    Phase,
)

STATISTICS_DAYS = 30
"""The number of days that statistics cover."""


class Outcome(StrEnum):
    """The result of a deployment."""

    SUCCEEDED = "succeeded"
    """The deployment is live, or was live until it was stopped."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    OPEN = "open"
    """The deployment is queued or in progress."""


SUCCEEDED_STATUSES = SERVING | {DeploymentStatus.STOPPED}
"""The statuses of deployments that are live, or were until they were stopped."""


def deployment_outcome(status: DeploymentStatus) -> Outcome:
    """Return the outcome of a deployment with this status."""
    if status in SUCCEEDED_STATUSES:
        return Outcome.SUCCEEDED
    return Outcome(status) if status in ENDED_WITHOUT_SERVING else Outcome.OPEN


@frozen(kw_only=True)
class QueueLength:
    """The length of the queue."""

    queued: int
    """The number of queued deployments."""
    in_progress: int
    """The number of deployments in progress."""
    oldest_queued_at: datetime | None
    """The creation time of the oldest queued deployment, or None if the queue is empty."""


@frozen(kw_only=True)
class DurationPercentiles:
    """The median and the 95th percentile of a set of durations."""

    median: timedelta
    p95: timedelta


@frozen(kw_only=True)
class DailyDeployments:
    """Statistics of the deployments that were created on one day in UTC."""

    day: date
    outcomes: Mapping[Outcome, int]
    """The number of deployments by outcome. Every outcome has an entry."""
    durations: DurationPercentiles | None
    """The durations of the deployments that were built and went live, or None if there are none."""


@frozen(kw_only=True)
class PhaseDurations:
    """The mean duration of a phase since the first start of the instance."""

    phase: Phase
    count: int
    """The number of measurements."""
    mean: timedelta


@frozen(kw_only=True)
class Activity:
    """Statistics about the deployments of a Pushpaka instance."""

    days: Sequence[DailyDeployments]
    """One entry for each of the last STATISTICS_DAYS days, oldest first."""
    phases: Sequence[PhaseDurations]


def daily_deployments(
    counts: Mapping[tuple[date, DeploymentStatus], int],
    durations: Mapping[date, DurationPercentiles],
    *,
    last_day: date,
) -> Sequence[DailyDeployments]:
    """
    Return one entry for each of the STATISTICS_DAYS days up to and including *last_day*, oldest
    first.

    Days without deployments are included.
    """
    days = [last_day - timedelta(days=ago) for ago in reversed(range(STATISTICS_DAYS))]
    return [
        DailyDeployments(day=day, outcomes=_outcomes(day, counts), durations=durations.get(day))
        for day in days
    ]


def _outcomes(
    day: date, counts: Mapping[tuple[date, DeploymentStatus], int]
) -> Mapping[Outcome, int]:
    outcomes = dict.fromkeys(Outcome, 0)
    for status in DeploymentStatus:
        outcomes[deployment_outcome(status)] += counts.get((day, status), 0)
    return outcomes
