"""Checks that a request for a deployment names a source that the project can deploy."""

from pushpaka_core.domain.deployments.deployments import NewDeployment
from pushpaka_core.domain.projects.images import parse_image
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.sources import IMAGE_PREFIX
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.ports.storage.storage import UnitOfWork


async def require_source(uow: UnitOfWork, project: Project, new_deployment: NewDeployment) -> None:
    """
    Raise InvalidInputError unless *new_deployment* names a source that can be deployed.

    Raises:
        InvalidInputError: If the archive is unknown or given together with a branch or commit,
            if the project has no repository and no archive is given, or if the image does not
            belong to the project.
    """
    if new_deployment.image is not None or project.image is not None:
        _require_image(project, new_deployment)
    elif new_deployment.archive is None:
        if not project.has_repository:
            raise InvalidInputError(
                {"archive": "is required because the project has no Git repository"}
            )
    elif new_deployment.branch is not None or new_deployment.commit_sha is not None:
        raise InvalidInputError({"archive": "must not be combined with branch or commit_sha"})
    elif await uow.archives.find(project, new_deployment.archive) is None:
        route = f"PUT /projects/{project.id}/archives/<SHA-256>"
        raise InvalidInputError({"archive": f"must be uploaded first, with {route}"})


def _require_image(project: Project, new_deployment: NewDeployment) -> None:
    own = project.image
    if own is None:
        raise InvalidInputError(
            {
                "image": "must not be set, because the project does not deploy images. Set "
                f'repo_url to "{IMAGE_PREFIX}" followed by the image name first'
            }
        )
    problems = {
        name: "must not be set, because the project deploys an image. Set image instead"
        for name in ("branch", "commit_sha", "archive")
        if getattr(new_deployment, name) is not None
    }
    if new_deployment.image and parse_image(new_deployment.image).name != own.name:
        problems["image"] = (
            f"must be a tag of {own.name}, the project's image. To deploy a different image, "
            "change repo_url"
        )
    if problems:
        raise InvalidInputError(problems)
