"""Which project a command is about: the one that is named, or the one of this folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from pushpaka_core.domain.sources import are_same_repository
from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.failures import NoSuchThingError
from pushpaka_http.cli.client.git_remotes import remotes_of
from pushpaka_http.cli.client.links import linked_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushpaka_http.client import Client
    from pushpaka_http.schemas.projects import ProjectResponse


def project_of(
    client: "Client", named: str | None, folder: Path | None = None
) -> "ProjectResponse":
    """
    Return the project *named* by its id, slug or name; else the one of *folder*.

    That is the one that the folder is linked to, or else the only one of the repository that
    the folder is a clone of.

    Raises:
        NoSuchThingError: If there is none, or nobody can tell which one is meant.
    """
    projects = client.projects.list().data
    if named is not None:
        return the_one(projects, named, "id", "slug", "name", what="project")
    return _project_of_folder(projects, folder or Path.cwd())


def _project_of_folder(projects: "Sequence[ProjectResponse]", folder: Path) -> "ProjectResponse":
    linked = linked_project(folder)
    for project in projects:
        if project.id == linked:
            return project
    addresses = [remote.url for remote in remotes_of(folder)]
    fitting = [
        project
        for project in projects
        if any(are_same_repository(project.repo_url, address) for address in addresses)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(project.name for project in fitting)
        raise NoSuchThingError(
            f"Several projects are of this folder's repository: {names}. "
            "Name one by --project, or choose by: pushpaka init --project NAME"
        )
    raise NoSuchThingError(
        "No project belongs to this folder. Make one by: pushpaka init, "
        "or name one by --project; pushpaka projects list shows them."
    )
