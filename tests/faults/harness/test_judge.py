"""The judge of the harness sees what is wrong: a run without wrongs means something."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.faults.harness.judge import Record, doubled, is_torn, lost, too_often_given_up, unserved

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.testing.objects import a_deployment, a_project, a_user

S = DeploymentStatus
GIVEN_UP = "Its worker was lost. It was tried 3 times."
SERVED = ("It is healthy and takes over", "Requests go to it")


def record(causes: Sequence[str] = SERVED, numbers: Sequence[int] = (), **fields: Any) -> Record:
    """Return what is kept of a deployment that serves, unless *fields* say otherwise."""
    deployment = a_deployment(a_project(a_user()), **{"status": S.RUNNING} | fields)
    return Record(deployment=deployment, causes=causes, line_numbers=numbers)


def by_id(*records: Record) -> dict[str, Record]:
    return {one.id: one for one in records}


def test_what_is_not_there_is_lost() -> None:
    """An API has promised it, and no row tells of it."""
    assert ["gone is not there"] == list(lost(["gone"], by_id()))


def test_what_failed_by_itself_is_lost() -> None:
    """Nothing is wrong with what the harness deploys."""
    failed = record(status=S.FAILED, error="The disk is full.")

    (sentence,) = lost([failed.id], by_id(failed))

    assert sentence.endswith("failed: The disk is full.")


def test_what_nobody_asked_to_cancel_is_lost() -> None:
    """Nobody of the harness takes anything back, so that it need not be the newest."""
    cancelled = record(status=S.CANCELLED)

    (sentence,) = lost([cancelled.id], by_id(cancelled))

    assert sentence.endswith("is cancelled, and nobody asked for that")


@pytest.mark.parametrize(("number", "of", "wrong"), [(1, 10, 0), (2, 10, 2), (2, 40, 0)])
def test_few_are_given_up(number: int, of: int, wrong: int) -> None:
    """To lose three workers is bad luck; for many of them it is a bug."""
    given_up = [record(status=S.FAILED, error=GIVEN_UP) for _ in range(number)]
    others = [record() for _ in range(of - number)]

    assert wrong == len(list(too_often_given_up([*given_up, *others])))


def test_what_lost_three_workers_is_given_up_as_promised() -> None:
    """It is told apart from what is lost."""
    given_up = record(status=S.FAILED, error=GIVEN_UP)

    assert [] == list(lost([given_up.id], by_id(given_up)))
    assert [] == list(unserved({given_up.id: "v2"}, by_id(given_up), {given_up.id: "v1"}))


@pytest.mark.parametrize(
    ("status", "answer", "wrong"),
    [
        (S.RUNNING, "v2", []),
        (S.RUNNING, "v1", ["answers 'v1' instead of 'v2'"]),
        (S.SUPERSEDED, "v1", ["is the newest, and superseded"]),
    ],
)
def test_newest_has_to_serve(status: S, answer: str, wrong: list[str]) -> None:
    """Its row says so, and so does its page."""
    newest = record(status=status)

    found = unserved({newest.id: "v2"}, by_id(newest), {newest.id: answer})

    assert wrong == [sentence.partition(") ")[2] for sentence in found]


def test_what_nobody_asked_for_is_doubled() -> None:
    """A request that was sent again has made another deployment."""
    asked, other = record(), record()

    (sentence,) = doubled([asked.id], [asked, other])

    assert sentence.startswith(other.id)


def test_what_took_over_twice_is_doubled() -> None:
    """Two workers have committed the same deployment."""
    twice = record([*SERVED, SERVED[0]])

    (sentence,) = doubled([twice.id], [twice])

    assert sentence.endswith("did this 2 times: It is healthy and takes over")


@pytest.mark.parametrize(
    ("numbers", "torn"), [([1, 2, 3], False), ([2, 3], False), ([1, 3], True), ([1, 2], True)]
)
def test_log_with_a_gap_is_torn(numbers: list[int], torn: bool) -> None:
    """Old lines may be gone, but none between, and not the last."""
    assert torn == is_torn(record(numbers=numbers, last_seq=3))
