"""Tests the activity of an instance over the last days."""

from datetime import date, timedelta

import pytest

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.platform.activity import (
    STATISTICS_DAYS,
    DurationPercentiles,
    Outcome,
    daily_deployments,
    deployment_outcome,
)

TODAY = date(2026, 11, 27)
SPREAD = DurationPercentiles(median=timedelta(seconds=1), p95=timedelta(seconds=2))


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        (Outcome.SUCCEEDED, {"running", "crashed", "stopped"}),
        (Outcome.FAILED, {"failed"}),
        (Outcome.CANCELLED, {"cancelled"}),
        (Outcome.SUPERSEDED, {"superseded"}),
        (Outcome.OPEN, {"queued", "building", "deploying"}),
    ],
)
def test_each_outcome_has_its_statuses(outcome: Outcome, statuses: set[str]) -> None:
    assert statuses == {each for each in DeploymentStatus if deployment_outcome(each) is outcome}


def test_days_have_no_gaps_and_end_today() -> None:
    first, before = (
        TODAY - timedelta(days=STATISTICS_DAYS - 1),
        TODAY - timedelta(days=STATISTICS_DAYS),
    )
    counts = {
        (TODAY, DeploymentStatus.RUNNING): 1,
        (TODAY, DeploymentStatus.STOPPED): 2,
        (before, DeploymentStatus.FAILED): 4,
    }

    days = daily_deployments(counts, {TODAY: SPREAD, before: SPREAD}, last_day=TODAY)

    nothing = dict.fromkeys(Outcome, 0)
    assert [first + timedelta(days=n) for n in range(STATISTICS_DAYS)] == [
        each.day for each in days
    ]
    assert [nothing] * (STATISTICS_DAYS - 1) == [each.outcomes for each in days[:-1]]
    assert {**nothing, Outcome.SUCCEEDED: 3} == days[-1].outcomes
    assert [None] * (STATISTICS_DAYS - 1) + [SPREAD] == [each.durations for each in days]
