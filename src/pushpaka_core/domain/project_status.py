"""What a project is, told from its deployments to production."""

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.projects import ProjectStatus


def project_status(
    *,
    current: DeploymentStatus | None,
    newest: DeploymentStatus | None,
    is_under_way: bool,
) -> ProjectStatus:
    """
    Return the status of a project.

    *current* is what production serves (None: it never served anything), *newest*
    what was asked for last, and *is_under_way* tells whether any deployment waits
    for a worker or is in the hands of one.
    """
    match current, newest:
        case DeploymentStatus.RUNNING, _:
            return ProjectStatus.ACTIVE
        case _ if is_under_way:
            return ProjectStatus.BUILDING
        case DeploymentStatus.CRASHED, _:
            return ProjectStatus.CRASHED
        case DeploymentStatus(), _:
            return ProjectStatus.STOPPED
        case _, DeploymentStatus.FAILED:
            return ProjectStatus.FAILED
        case _:
            return ProjectStatus.INACTIVE
