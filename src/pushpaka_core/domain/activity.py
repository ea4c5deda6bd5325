"""What an instance has done lately, and what waits, in numbers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from attrs import frozen

from pushpaka_core.domain.deployment_steps import ENDED_UNSERVED, SERVING, DeploymentStatus, Phase

DAYS = 30


class Outcome(StrEnum):
    """What has become of a deployment."""

    SUCCEEDED = "succeeded"
    """It runs, or did."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    OPEN = "open"
    """It waits or is in work."""


SUCCEEDED = SERVING | {DeploymentStatus.STOPPED}


def outcome_of(status: DeploymentStatus) -> Outcome:
    """Return what has become of a deployment with this status."""
    if status in SUCCEEDED:
        return Outcome.SUCCEEDED
    return Outcome(status) if status in ENDED_UNSERVED else Outcome.OPEN


@frozen(kw_only=True)
class Queue:
    """What is to be done, and what is being done."""

    waiting: int
    in_work: int
    oldest_waiting_since: datetime | None


@frozen(kw_only=True)
class Spread:
    """How long something took: half of them no longer than the median, 19 of 20 than the other."""

    median: timedelta
    p95: timedelta


@frozen(kw_only=True)
class DayOfDeployments:
    """The deployments that were asked for on one day, in UTC."""

    day: date
    outcomes: Mapping[Outcome, int]
    """Each has a number, be it 0."""
    durations: Spread | None
    """Of those that were built and have run; None where there are none."""


@frozen(kw_only=True)
class PhaseDurations:
    """How long a phase took, ever since workers count."""

    phase: Phase
    times: int
    mean: timedelta


@frozen(kw_only=True)
class Activity:
    """What an instance has done."""

    days: Sequence[DayOfDeployments]
    """The oldest first, without a gap."""
    phases: Sequence[PhaseDurations]


def days_of(
    counts: Mapping[tuple[date, DeploymentStatus], int],
    durations: Mapping[date, Spread],
    *,
    until: date,
) -> Sequence[DayOfDeployments]:
    """Return the last days up to *until*, those too on which nothing was asked for."""
    days = [until - timedelta(days=ago) for ago in reversed(range(DAYS))]
    return [
        DayOfDeployments(day=day, outcomes=_outcomes(day, counts), durations=durations.get(day))
        for day in days
    ]


def _outcomes(
    day: date, counts: Mapping[tuple[date, DeploymentStatus], int]
) -> Mapping[Outcome, int]:
    outcomes = dict.fromkeys(Outcome, 0)
    for status in DeploymentStatus:
        outcomes[outcome_of(status)] += counts.get((day, status), 0)
    return outcomes
