"""Tests the state machine of deployments."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.deployments.deployments import MAX_ATTEMPTS, Deployment, NewDeployment
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import (
    FINAL,
    IN_PROGRESS,
    PHASES,
    SERVING,
    TRANSITIONS,
    DeploymentStatus,
    Phase,
)
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import ReleaseId
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.errors import (
    ConflictError,
    InvalidInputError,
    InvalidTransitionError,
    SupersededError,
)
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_target
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON, an_id, later
from pushpaka_core.testing.objects.volumes import a_volume

S = DeploymentStatus
PROJECT = a_project(a_user())
COMMITTED = {"status": S.DEPLOYING, "phase": Phase.SWITCH, "attempts": 1, "fence": 1}

Change = Callable[[Deployment], Deployment]
CHANGES: dict[str, Change] = {
    "claim": lambda d: d.claim("worker-1", now=NOON),
    "build": lambda d: d.enter(Phase.BUILD, now=NOON),
    "release": lambda d: d.enter(Phase.RELEASE, now=NOON),
    "start": lambda d: d.enter(Phase.START, now=NOON),
    "switch": lambda d: d.enter(Phase.SWITCH, now=NOON),
    "run": lambda d: d.enter(Phase.RUN, now=NOON),
    "fail": lambda d: d.fail("It failed.", now=NOON),
    "cancel": lambda d: d.cancel(now=NOON),
    "end_canceled": lambda d: d.finish_cancellation(now=NOON),
    "supersede": lambda d: d.supersede(now=NOON),
    "requeue": lambda d: d.requeue("The worker was lost.", now=NOON),
    "hand_back": lambda d: d.return_to_queue(now=NOON),
    "crash": lambda d: d.crash("It crashed.", now=NOON),
    "recover": lambda d: d.recover(now=NOON),
    "stop": lambda d: d.stop(now=NOON),
}


def claim(**fields: Any) -> Deployment:
    return evolve(a_deployment(PROJECT).claim("worker-1", now=later(1)), **fields)


def test_consecutive_steps_have_allowed_transitions() -> None:
    statuses = [step.status for step in PHASES.values()]

    for one, following in pairwise(statuses):
        assert one is following or following in TRANSITIONS[one]


def test_final_statuses_have_no_transitions() -> None:
    assert {S.FAILED, S.CANCELLED, S.SUPERSEDED, S.STOPPED} == FINAL
    assert not FINAL & (SERVING | IN_PROGRESS)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_final_deployment_rejects_every_change(status: DeploymentStatus) -> None:
    over = a_deployment(PROJECT, status=status)

    for change in CHANGES.values():
        with pytest.raises(ConflictError):
            change(over)


@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=30))
def test_any_sequence_of_changes_keeps_the_invariants(names: list[str]) -> None:
    deployment = a_deployment(PROJECT)
    for name in names:
        before = deployment
        try:
            deployment = CHANGES[name](before)
        except ConflictError:
            continue

        moved = deployment.status is not before.status
        assert not moved or deployment.status in TRANSITIONS[before.status]
        assert (deployment.finished_at is None) is (deployment.status in IN_PROGRESS | {S.QUEUED})
        assert deployment.fence == before.fence + (name == "claim")
        assert before.is_committed <= (deployment.status in SERVING | {S.DEPLOYING, S.STOPPED})
        assert deployment.attempts <= MAX_ATTEMPTS


class TestClaim:
    def test_claim_starts_with_the_source_phase(self) -> None:
        deployment = a_deployment(PROJECT, fence=4).claim("worker-7", now=later(1))

        assert (S.BUILDING, Phase.SOURCE, "worker-7", 5, 1, later(1)) == (
            deployment.status,
            deployment.phase,
            deployment.worker,
            deployment.fence,
            deployment.attempts,
            deployment.started_at,
        )

    def test_claim_skips_the_build_of_a_known_release(self) -> None:
        deployment = a_deployment(PROJECT, release_id=ReleaseId(an_id()))

        again = deployment.claim("worker-1", now=later(1))

        assert (S.DEPLOYING, Phase.RELEASE) == (again.status, again.phase)

    def test_claim_requires_a_queued_deployment(self) -> None:
        with pytest.raises(InvalidTransitionError):
            claim().claim("worker-2", now=later(2))

    def test_claim_keeps_the_first_start_time(self) -> None:
        waiting = claim().requeue("The worker was lost.", now=later(2))

        assert later(1) == waiting.claim("worker-2", now=later(3)).started_at


class TestRequeue:
    def test_requeue_returns_the_deployment_to_the_queue(self) -> None:
        waiting = claim().requeue("The worker was lost.", now=later(2))

        assert (S.QUEUED, None, None, None, 1) == (
            waiting.status,
            waiting.phase,
            waiting.worker,
            waiting.finished_at,
            waiting.attempts,
        )

    def test_requeue_fails_after_three_attempts(self) -> None:
        failed = claim(attempts=MAX_ATTEMPTS).requeue("The worker was lost.", now=later(2))

        found = (failed.status, failed.error)
        assert (S.FAILED, "The worker was lost. The deployment was attempted 3 times.") == found

    def test_returning_to_the_queue_counts_no_attempt(self) -> None:
        assert 0 == claim().return_to_queue(now=later(2)).attempts


class TestCancel:
    def test_cancellation_ends_a_queued_deployment(self) -> None:
        assert S.CANCELLED is a_deployment(PROJECT).cancel(now=later(1)).status

    def test_cancellation_of_a_build_is_a_request(self) -> None:
        asked = claim().cancel(now=later(2))

        assert (S.BUILDING, later(2)) == (asked.status, asked.cancel_requested_at)
        assert asked == asked.cancel(now=later(3))

    @pytest.mark.parametrize("status", [S.DEPLOYING, S.RUNNING, S.CRASHED])
    def test_cancellation_after_the_commit_point_is_rejected(
        self, status: DeploymentStatus
    ) -> None:
        committed = a_deployment(PROJECT, **COMMITTED | {"status": status})

        with pytest.raises(ConflictError, match="no longer be canceled"):
            committed.cancel(now=later(1))


@pytest.mark.parametrize("name", ["fail", "end_canceled", "supersede", "requeue", "hand_back"])
def test_committed_deployment_only_moves_forward(name: str) -> None:
    with pytest.raises(InvalidTransitionError):
        CHANGES[name](a_deployment(PROJECT, **COMMITTED))


@pytest.mark.parametrize(("access", "replicas"), [(VolumeAccess.ONE, 1), (VolumeAccess.MANY, 3)])
def test_volume_for_one_instance_prevents_scaling(access: VolumeAccess, replicas: int) -> None:
    project = a_project(a_user())
    settings = RunSettings(volumes=(a_volume(project, access=access).mount,))

    scaled = a_deployment(project, run_settings=settings).scale(3)

    assert scaled.run_settings == evolve(settings, replicas=replicas)


def test_drain_starts_once() -> None:
    draining = a_deployment(PROJECT).drain(deadline=later(30))

    assert draining == draining.drain(deadline=later(60))


def test_outage_does_not_open_a_missing_rollback_window() -> None:
    deployment = a_deployment(PROJECT)

    assert deployment == deployment.extend_rollback_window(now=NOON, is_down=True)


def test_duration_ends_when_the_deployment_runs() -> None:
    building = claim()
    running = evolve(building, status=S.DEPLOYING, phase=Phase.SWITCH).enter(
        Phase.RUN, now=later(8)
    )

    crashed = running.crash("It crashed.", now=later(90))

    assert building.duration is None
    assert 7 == (running.duration or Timeouts().drain_time).seconds
    assert running.duration == crashed.duration


class TestTarget:
    def test_target_points_to_a_newer_deployment(self) -> None:
        old, new = a_deployment(PROJECT), a_deployment(PROJECT, has_web=False)

        target = a_target(old, stopped_at=NOON).point_to(new)

        found = (target.deployment_id, target.sequence, target.stopped_at, target.has_web)
        assert (new.id, new.sequence, None, False) == found
        assert (old.id, True) == ((back := target.return_to(old)).deployment_id, back.has_web)

    def test_target_rejects_an_older_deployment(self) -> None:
        old, new = a_deployment(PROJECT), a_deployment(PROJECT)

        with pytest.raises(SupersededError):
            a_target(new).point_to(old)

    def test_pointing_to_the_same_deployment_changes_nothing(self) -> None:
        target = a_target(new := a_deployment(PROJECT))

        assert target == target.point_to(new)


class TestNewDeployment:
    @pytest.mark.parametrize("target", ["production", "preview:main", "preview:feature/x"])
    def test_new_deployment_accepts_valid_targets(self, target: str) -> None:
        assert target == NewDeployment(project_id=PROJECT.id, target=target).target

    @pytest.mark.parametrize("target", ["", "staging", "preview:", "preview:..", "production:x"])
    def test_new_deployment_rejects_invalid_targets(self, target: str) -> None:
        with pytest.raises(InvalidInputError) as refused:
            NewDeployment(project_id=PROJECT.id, target=target)

        assert ["target"] == list(refused.value.problems)


def test_each_limited_phase_has_a_deadline() -> None:
    timeouts = Timeouts()
    limited = {phase for phase, step in PHASES.items() if step.timeout is not None}

    assert {Phase.SOURCE, Phase.BUILD, Phase.RELEASE} == limited
    assert timeouts.build == timeouts.phase_timeout(Phase.BUILD)
    with pytest.raises(LookupError):
        timeouts.phase_timeout(Phase.SWITCH)
