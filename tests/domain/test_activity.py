"""What an instance has done lately, in numbers."""

from datetime import date, timedelta

import pytest

from pushpaka_core.domain.activity import DAYS, Outcome, Spread, days_of, outcome_of
from pushpaka_core.domain.deployment_steps import DeploymentStatus

TODAY = date(2026, 11, 27)
SPREAD = Spread(median=timedelta(seconds=1), p95=timedelta(seconds=2))


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
def test_each_status_says_what_has_become_of_a_deployment(
    outcome: Outcome, statuses: set[str]
) -> None:
    """What has served once has succeeded, whatever came after."""
    assert statuses == {each for each in DeploymentStatus if outcome_of(each) is outcome}


def test_days_are_without_a_gap_and_end_today() -> None:
    """A day on which nothing was asked for has zeros, and one outside is left out."""
    first, before = TODAY - timedelta(days=DAYS - 1), TODAY - timedelta(days=DAYS)
    counts = {
        (TODAY, DeploymentStatus.RUNNING): 1,
        (TODAY, DeploymentStatus.STOPPED): 2,
        (before, DeploymentStatus.FAILED): 4,
    }

    days = days_of(counts, {TODAY: SPREAD, before: SPREAD}, until=TODAY)

    nothing = dict.fromkeys(Outcome, 0)
    assert [first + timedelta(days=n) for n in range(DAYS)] == [each.day for each in days]
    assert [nothing] * (DAYS - 1) == [each.outcomes for each in days[:-1]]
    assert {**nothing, Outcome.SUCCEEDED: 3} == days[-1].outcomes
    assert [None] * (DAYS - 1) + [SPREAD] == [each.durations for each in days]
