"""The status of a project, by what production serves and what was asked for."""

import pytest

from pushpaka_core.domain.deployment_steps import DeploymentStatus as D
from pushpaka_core.domain.project_status import project_status
from pushpaka_core.domain.projects import ProjectStatus as P


@pytest.mark.parametrize(
    ("current", "newest", "is_under_way", "wanted"),
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
def test_status_of_a_project(
    current: D | None, newest: D | None, wanted: P, *, is_under_way: bool
) -> None:
    """What runs comes first, then what is under way, then how it ended."""
    status = project_status(current=current, newest=newest, is_under_way=is_under_way)

    assert wanted is status
