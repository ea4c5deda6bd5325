"""Tests that the verdict of the harness finds each kind of problem."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.faults.harness.verdict import (
    Record,
    duplicates,
    excess_failures,
    lost_deployments,
    unserved_deployments,
)

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.projects import a_project

S = DeploymentStatus
GIVEN_UP: dict[str, Any] = {
    "status": S.FAILED,
    "error": "The worker was lost. The deployment was attempted 3 times.",
}
SERVED = ("The health check passed", "The deployment receives traffic")


def record(causes: Sequence[str] = SERVED, numbers: Sequence[int] = (), **fields: Any) -> Record:
    """Return the record of an active deployment, with *fields* changed."""
    deployment = a_deployment(a_project(a_user()), **{"status": S.RUNNING} | fields)
    return Record(deployment=deployment, causes=causes, line_numbers=numbers)


def test_missing_deployment_counts_as_lost() -> None:
    assert ["gone is missing"] == list(lost_deployments(["gone"], {}))


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"status": S.FAILED, "error": "The disk is full."}, ["failed: The disk is full."]),
        ({"status": S.CANCELLED}, ["is cancelled, and nobody asked for that"]),
        (GIVEN_UP, []),
        ({"status": S.RUNNING}, []),
    ],
)
def test_unexplained_failure_counts_as_lost(fields: dict[str, Any], problems: list[str]) -> None:
    one = record(**fields)

    found = lost_deployments([one.id], {one.id: one})

    assert problems == [sentence.partition(") ")[2] for sentence in found]


@pytest.mark.parametrize(("number", "total", "problems"), [(1, 10, 0), (2, 10, 2), (2, 40, 0)])
def test_only_few_deployments_may_be_given_up(number: int, total: int, problems: int) -> None:
    """One deployment that loses three workers is bad luck. Many such deployments are a bug."""
    records = [
        *(record(**GIVEN_UP) for _ in range(number)),
        *(record() for _ in range(total - number)),
    ]

    assert problems == len(list(excess_failures(records)))


@pytest.mark.parametrize(
    ("fields", "answer", "problems"),
    [
        ({"status": S.RUNNING}, "v2", []),
        ({"status": S.RUNNING}, "v1", ["answers 'v1' instead of 'v2'"]),
        ({"status": S.SUPERSEDED}, "v1", ["is the newest, and superseded"]),
        (GIVEN_UP, "v1", []),
    ],
)
def test_newest_deployment_has_to_serve(
    fields: dict[str, Any], answer: str, problems: list[str]
) -> None:
    newest = record(**fields)

    found = unserved_deployments({newest.id: "v2"}, {newest.id: newest}, {newest.id: answer})

    assert problems == [sentence.partition(") ")[2] for sentence in found]


@pytest.mark.parametrize(
    ("status", "phase", "answer", "problems"),
    [
        (S.FAILED, Phase.RUN, "v1", 0),
        (S.FAILED, Phase.RUN, "502 Bad Gateway", 1),
        (S.FAILED, Phase.START, "v1", 1),
        (S.CRASHED, Phase.RUN, "502 Bad Gateway", 1),
    ],
)
def test_broken_version_has_to_be_rolled_back(
    status: S, phase: Phase, answer: str, problems: int
) -> None:
    older, broken = record(), record(status=status, phase=phase, error="It crashed.")
    accepted = {older.id: "v1", broken.id: "v2"}
    by_id = {older.id: older, broken.id: broken}

    assert problems == len(
        list(unserved_deployments(accepted, by_id, {broken.id: answer}, {broken.id}))
    )
    assert (phase is Phase.START) == bool(list(lost_deployments(accepted, by_id, {broken.id})))


def test_unrequested_deployment_is_a_duplicate() -> None:
    """A deployment that no user requested means that a retried request was accepted twice."""
    asked, other = record(), record()

    (sentence,) = duplicates([asked.id], [asked, other])

    assert sentence.startswith(other.id)


def test_deployment_that_receives_traffic_twice_is_a_duplicate() -> None:
    twice = record([*SERVED, SERVED[0]])

    (sentence,) = duplicates([twice.id], [twice])

    assert sentence.endswith("did this 2 times: The health check passed")


@pytest.mark.parametrize(
    ("numbers", "has_gap"), [([1, 2, 3], False), ([2, 3], False), ([1, 3], True), ([1, 2], True)]
)
def test_log_without_a_middle_or_last_line_has_a_gap(numbers: list[int], has_gap: bool) -> None:
    """Missing lines at the beginning are no gap, because retention removes the oldest lines."""
    assert has_gap == record(numbers=numbers, last_seq=3).has_gap_in_log
