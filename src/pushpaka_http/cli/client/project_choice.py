"""Which project a command is about: the one that is named, or the one of this folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pushpaka_core.domain.repository_places import are_same_repository
from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.failures import NoSuchThingError
from pushpaka_http.cli.client.git_remotes import inner_directory, remotes_of
from pushpaka_http.cli.client.links import linked_project

if TYPE_CHECKING:
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
    fitting = projects_of(projects, folder, [remote.url for remote in remotes_of(folder)])
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NoSuchThingError(
            f"Several projects are of this folder's repository: {names_of(fitting)}. "
            "Name one by --project, or choose by: pushpaka init --project NAME"
        )
    raise NoSuchThingError(
        "No project belongs to this folder. Make one by: pushpaka init, or without a Git server "
        "by: pushpaka init --local. Or name one by --project; pushpaka projects list shows them."
    )


def projects_of(
    projects: "Sequence[ProjectResponse]", folder: Path, addresses: Sequence[str]
) -> "Sequence[ProjectResponse]":
    """Return those of the repository at one of *addresses*; if there are any, those of *folder*."""
    of_repository = [
        project
        for project in projects
        if any(are_same_repository(project.repo_url, address) for address in addresses)
    ]
    inner = inner_directory(folder)
    of_folder = [each for each in of_repository if directory_of(each) == inner]
    return of_folder or of_repository


def directory_of(project: "ProjectResponse") -> str:
    """Return where a project lies in its repository, as `inner_directory` tells it of a folder."""
    return (project.root_dir or ".").strip("/")


def names_of(projects: "Sequence[ProjectResponse]") -> str:
    """Return what tells projects of one repository apart."""
    return ", ".join(
        f"{each.slug} ({each.root_dir})" if each.root_dir else each.slug for each in projects
    )
