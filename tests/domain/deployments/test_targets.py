"""Takeovers and holds of targets."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.errors import SupersededError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_target
from pushpaka_core.testing.objects.projects import a_project

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=30)


@pytest.fixture
def active() -> Deployment:
    return a_deployment(a_project(a_user()), sequence=2, status=DeploymentStatus.RUNNING)


@pytest.fixture
def target(active: Deployment) -> Target:
    return a_target(active)


def new_deployment(active: Deployment, sequence: int) -> Deployment:
    """Return a deployment in progress of the target of *active*."""
    other = a_deployment(a_project(a_user()), sequence=sequence, status=DeploymentStatus.DEPLOYING)
    return evolve(other, project_id=active.project_id)


def test_takeover_holds_requests_until_the_new_deployment_is_active(
    active: Deployment, target: Target
) -> None:
    new = new_deployment(active, 3)

    taken = target.begin_takeover(new, hold_deadline=NOON)

    assert (active.id, new.id, NOON) == (taken.deployment_id, taken.takeover_id, taken.held_until)
    assert taken == taken.begin_takeover(new, hold_deadline=LATER) == taken.release()
    assert taken == taken.hold(deadline=LATER)
    switched = taken.point_to(new)
    assert (new.id, None, None) == (
        switched.deployment_id, switched.takeover_id, switched.held_until,
    )  # fmt: skip


def test_failed_takeover_holds_requests_until_the_active_deployment_is_up(
    active: Deployment, target: Target
) -> None:
    taken = target.begin_takeover(new_deployment(active, 3), hold_deadline=NOON)

    ended = taken.end_takeover()

    assert (None, NOON) == (ended.takeover_id, ended.held_until)
    assert target == ended.release()


def test_older_deployment_cannot_take_over(active: Deployment, target: Target) -> None:
    with pytest.raises(SupersededError):
        target.begin_takeover(new_deployment(active, 1), hold_deadline=NOON)


def test_active_deployment_can_restart_after_a_rollback(active: Deployment, target: Target) -> None:
    """Its sequence is lower than that of the target."""
    rolled_back = evolve(target, sequence=9)

    assert active.id == rolled_back.begin_takeover(active, hold_deadline=NOON).takeover_id


def test_requests_of_a_stopped_target_are_not_held(active: Deployment, target: Target) -> None:
    stopped = target.hold(deadline=NOON).stop(now=NOON)

    taken = stopped.begin_takeover(new_deployment(active, 3), hold_deadline=LATER)

    assert (NOON, None) == (stopped.stopped_at, stopped.held_until)
    assert taken.held_until is None
