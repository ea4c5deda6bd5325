"""The life of a deployment: every step that there is, and none that there is not."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.deployment_steps import (
    FINAL,
    IN_WORK,
    SERVING,
    STEPS,
    TRANSITIONS,
    DeploymentStatus,
    Phase,
)
from pushpaka_core.domain.deployments import (
    MOST_ATTEMPTS,
    Deployment,
    NewDeployment,
    ReleaseId,
)
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import (
    ConflictError,
    InvalidInputError,
    InvalidTransitionError,
    SupersededError,
)
from pushpaka_core.testing.objects import (
    NOON,
    a_deployment,
    a_project,
    a_target,
    a_user,
    an_id,
    later,
)

S = DeploymentStatus
PROJECT = a_project(a_user())
COMMITTED = {"status": S.DEPLOYING, "phase": Phase.SWITCH, "attempts": 1, "fence": 1}

Change = Callable[[Deployment], Deployment]
CHANGES: dict[str, Change] = {
    "claim": lambda d: d.claim("worker-1", at=NOON),
    "build": lambda d: d.enter(Phase.BUILD, at=NOON),
    "release": lambda d: d.enter(Phase.RELEASE, at=NOON),
    "start": lambda d: d.enter(Phase.START, at=NOON),
    "switch": lambda d: d.enter(Phase.SWITCH, at=NOON),
    "run": lambda d: d.enter(Phase.RUN, at=NOON),
    "fail": lambda d: d.fail("It failed.", at=NOON),
    "cancel": lambda d: d.cancel(at=NOON),
    "end_cancelled": lambda d: d.end_cancelled(at=NOON),
    "supersede": lambda d: d.supersede(at=NOON),
    "requeue": lambda d: d.requeue("Its worker was lost.", at=NOON),
    "hand_back": lambda d: d.hand_back(at=NOON),
    "crash": lambda d: d.crash("It crashed.", at=NOON),
    "recover": lambda d: d.recover(at=NOON),
    "stop": lambda d: d.stop(at=NOON),
}


def claimed(**fields: Any) -> Deployment:
    return evolve(a_deployment(PROJECT).claim("worker-1", at=later(1)), **fields)


def test_steps_are_in_statuses_that_follow_each_other() -> None:
    """Each step's status can be reached from the one before, or is the same."""
    statuses = [step.status for step in STEPS.values()]

    for one, following in pairwise(statuses):
        assert one is following or following in TRANSITIONS[one]


def test_final_statuses_are_those_without_a_way_out() -> None:
    """Failed, cancelled, superseded and stopped; a crash is not the end."""
    assert {S.FAILED, S.CANCELLED, S.SUPERSEDED, S.STOPPED} == FINAL
    assert not FINAL & (SERVING | IN_WORK)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_final_is_final(status: DeploymentStatus) -> None:
    """Nothing can be done to a deployment that is over."""
    over = a_deployment(PROJECT, status=status)

    for change in CHANGES.values():
        with pytest.raises(ConflictError):
            change(over)


@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=30))
def test_whatever_is_asked_for_it_goes_its_way(names: list[str]) -> None:
    """Any sequence of changes keeps to the transitions, and to what a status says of the rest."""
    deployment = a_deployment(PROJECT)
    for name in names:
        before = deployment
        try:
            deployment = CHANGES[name](before)
        except ConflictError:
            continue

        moved = deployment.status is not before.status
        assert not moved or deployment.status in TRANSITIONS[before.status]
        assert (deployment.finished_at is None) is (deployment.status in IN_WORK | {S.QUEUED})
        assert deployment.fence == before.fence + (name == "claim")
        assert before.is_committed <= (deployment.status in SERVING | {S.DEPLOYING, S.STOPPED})
        assert deployment.attempts <= MOST_ATTEMPTS


class TestClaim:
    def test_begins_with_the_source(self) -> None:
        """A deployment that nothing is built of begins at the beginning, under the next fence."""
        deployment = a_deployment(PROJECT, fence=4).claim("worker-7", at=later(1))

        assert (S.BUILDING, Phase.SOURCE, "worker-7", 5, 1, later(1)) == (
            deployment.status,
            deployment.phase,
            deployment.worker,
            deployment.fence,
            deployment.attempts,
            deployment.started_at,
        )

    def test_begins_behind_the_build_where_the_release_is_known(self) -> None:
        """A rollback, or a second try after the build, builds nothing."""
        deployment = a_deployment(PROJECT, release_id=ReleaseId(an_id()))

        again = deployment.claim("worker-1", at=later(1))

        assert (S.DEPLOYING, Phase.RELEASE) == (again.status, again.phase)

    def test_is_for_what_waits(self) -> None:
        """What somebody holds already cannot be claimed."""
        with pytest.raises(InvalidTransitionError):
            claimed().claim("worker-2", at=later(2))

    def test_remembers_when_the_work_began_first(self) -> None:
        """A second try does not make the work look shorter."""
        waiting = claimed().requeue("Its worker was lost.", at=later(2))

        assert later(1) == waiting.claim("worker-2", at=later(3)).started_at


class TestRequeue:
    def test_waits_again(self) -> None:
        """A lost try leaves a deployment as it waited before, but for its count."""
        waiting = claimed().requeue("Its worker was lost.", at=later(2))

        assert (S.QUEUED, None, None, None, 1) == (
            waiting.status,
            waiting.phase,
            waiting.worker,
            waiting.finished_at,
            waiting.attempts,
        )

    def test_fails_after_three_tries(self) -> None:
        """The last try ends it, and says why and how often."""
        failed = claimed(attempts=MOST_ATTEMPTS).requeue("Its worker was lost.", at=later(2))

        assert (S.FAILED, "Its worker was lost. It was tried 3 times.") == (
            failed.status,
            failed.error,
        )

    def test_that_is_handed_back_counts_nothing(self) -> None:
        """A worker that ends in order costs no try."""
        assert 0 == claimed().hand_back(at=later(2)).attempts


class TestCancel:
    def test_while_it_waits_ends_it(self) -> None:
        """Nobody has begun, so it is over at once."""
        assert S.CANCELLED is a_deployment(PROJECT).cancel(at=later(1)).status

    def test_in_work_is_a_request(self) -> None:
        """Its worker ends it; asking again changes nothing."""
        asked = claimed().cancel(at=later(2))

        assert (S.BUILDING, later(2)) == (asked.status, asked.cancel_requested_at)
        assert asked == asked.cancel(at=later(3))

    @pytest.mark.parametrize("status", [S.DEPLOYING, S.RUNNING, S.CRASHED])
    def test_behind_the_commit_point_is_too_late(self, status: DeploymentStatus) -> None:
        """What took over is stopped or replaced, not cancelled."""
        committed = a_deployment(PROJECT, **COMMITTED | {"status": status})

        with pytest.raises(ConflictError, match="too late"):
            committed.cancel(at=later(1))


@pytest.mark.parametrize("name", ["fail", "end_cancelled", "supersede", "requeue", "hand_back"])
def test_what_is_committed_only_goes_forward(name: str) -> None:
    """Behind the commit point there is no failure and no way back."""
    with pytest.raises(InvalidTransitionError):
        CHANGES[name](a_deployment(PROJECT, **COMMITTED))


def test_a_drain_begins_once() -> None:
    """To be replaced again does not make it longer."""
    draining = a_deployment(PROJECT).drain(until=later(30))

    assert draining == draining.drain(until=later(60))


def test_the_duration_is_the_time_of_the_work() -> None:
    """From its begin until it ran; None before, and kept over a crash."""
    building = claimed()
    running = evolve(building, status=S.DEPLOYING, phase=Phase.SWITCH).enter(Phase.RUN, at=later(8))

    crashed = running.crash("It crashed.", at=later(90))

    assert building.duration is None
    assert 7 == (running.duration or Timings().drain).seconds
    assert running.duration == crashed.duration


class TestTarget:
    def test_points_to_a_newer_one(self) -> None:
        """It serves what was asked for last, and is not stopped any more."""
        old, new = a_deployment(PROJECT), a_deployment(PROJECT)

        target = a_target(old, stopped_at=NOON).point_to(new)

        assert (new.id, new.sequence, None) == (
            target.deployment_id,
            target.sequence,
            target.stopped_at,
        )

    def test_does_not_go_back_to_an_older_one(self) -> None:
        """What was asked for earlier comes too late."""
        old, new = a_deployment(PROJECT), a_deployment(PROJECT)

        with pytest.raises(SupersededError):
            a_target(new).point_to(old)

    def test_may_be_pointed_twice(self) -> None:
        """To commit the same one again is harmless."""
        target = a_target(new := a_deployment(PROJECT))

        assert target == target.point_to(new)


class TestNewDeployment:
    @pytest.mark.parametrize("target", ["production", "preview:main", "preview:feature/x"])
    def test_accepts_targets(self, target: str) -> None:
        """Production, and a preview of any branch."""
        assert target == NewDeployment(project_id=PROJECT.id, target=target).target

    @pytest.mark.parametrize("target", ["", "staging", "preview:", "preview:..", "production:x"])
    def test_refuses_others(self, target: str) -> None:
        """What is neither is told by the name of the field."""
        with pytest.raises(InvalidInputError) as refused:
            NewDeployment(project_id=PROJECT.id, target=target)

        assert ["target"] == list(refused.value.problems)


def test_each_step_has_the_deadline_of_its_table() -> None:
    """Source, build and release command end by themselves; the others have rules of their own."""
    timings = Timings()
    limited = {phase for phase, step in STEPS.items() if step.deadline is not None}

    assert {Phase.SOURCE, Phase.BUILD, Phase.RELEASE} == limited
    assert timings.build == timings.deadline(Phase.BUILD)
    with pytest.raises(LookupError):
        timings.deadline(Phase.SWITCH)
