"""Tests the status of a project, which depends on its active and its newest deployment."""

import pytest

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus as D
from pushpaka_core.domain.deployments.targets import project_status
from pushpaka_core.domain.projects.projects import ProjectStatus as P


@pytest.mark.parametrize(
    ("current_deployment", "newest_deployment", "is_under_way", "expected_status"),
    [
        (None, None, False, P.INACTIVE),
        (None, D.QUEUED, True, P.BUILDING),
        (None, D.BUILDING, True, P.BUILDING),
        (None, D.FAILED, False, P.FAILED),
        (None, D.CANCELLED, False, P.INACTIVE),
        (None, D.SUPERSEDED, True, P.BUILDING),
        (D.RUNNING, D.RUNNING, False, P.ACTIVE),
        (D.RUNNING, D.BUILDING, True, P.ACTIVE),
        (D.RUNNING, D.FAILED, False, P.ACTIVE),
        (D.DEPLOYING, D.DEPLOYING, True, P.BUILDING),
        (D.CRASHED, D.CRASHED, False, P.CRASHED),
        (D.CRASHED, D.FAILED, False, P.CRASHED),
        (D.CRASHED, D.DEPLOYING, True, P.BUILDING),
        (D.STOPPED, D.STOPPED, False, P.STOPPED),
        (D.STOPPED, D.FAILED, False, P.STOPPED),
        (D.STOPPED, D.QUEUED, True, P.BUILDING),
    ],
)
def test_project_status(
    current_deployment: D | None,
    newest_deployment: D | None,
    expected_status: P,
    *,
    is_under_way: bool,
) -> None:
    status = project_status(
        active_status=current_deployment, newest_status=newest_deployment, is_under_way=is_under_way
    )

    assert expected_status is status
