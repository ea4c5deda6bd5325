"""Finds the project that a command refers to."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pushpaka_core.domain.projects.repository_urls import are_same_repository
from pushpaka_http.cli.folder.git_remotes import path_in_clone, remotes_of
from pushpaka_http.cli.folder.project_link import linked_project
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.cli.ui.lookup import find_one

if TYPE_CHECKING:
    from pushpaka_http.client import Client
    from pushpaka_http.schemas.projects import ProjectResponse


def find_project(
    client: "Client", project_reference: str | None, folder: Path | None = None
) -> "ProjectResponse":
    """
    Return the project with the id, slug or name *project_reference*. If that is None, return the
    project of *folder*.

    A folder's project is the one that it is linked to. Without a link, it is the only project whose
    repository was cloned into the folder.

    Raises:
        NoMatchError: If no project or more than one matches.
    """
    projects = client.projects.list().data
    if project_reference is not None:
        return find_one(projects, project_reference, "id", "slug", "name", noun="project")
    return _project_of_folder(projects, folder or Path.cwd())


def _project_of_folder(projects: "Sequence[ProjectResponse]", folder: Path) -> "ProjectResponse":
    linked = linked_project(folder)
    for project in projects:
        if project.id == linked:
            return project
    matches = matching_projects(projects, folder, [remote.url for remote in remotes_of(folder)])
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise NoMatchError(
            f"Several projects use the repository of this folder: {names_of(matches)}. "
            "Pass one of them with --project, or link this folder to one of them: "
            "pushpaka init --project NAME"
        )
    raise NoMatchError(
        "This folder is not linked to a project. Run: pushpaka init (or, without a Git server: "
        "pushpaka init --local). You can also pass a project with --project NAME."
    )


def matching_projects(
    projects: "Sequence[ProjectResponse]", folder: Path, repo_urls: Sequence[str]
) -> "Sequence[ProjectResponse]":
    """
    Return the projects with one of *repo_urls*, and of these only those that deploy the directory
    of *folder*, if there are any.
    """
    of_repository = [
        project
        for project in projects
        if any(are_same_repository(project.repo_url, address) for address in repo_urls)
    ]
    inner = path_in_clone(folder)
    of_folder = [each for each in of_repository if directory_of(each) == inner]
    return of_folder or of_repository


def directory_of(project: "ProjectResponse") -> str:
    """Return the directory of a project in its repository, in the format of `path_in_clone`."""
    return (project.root_dir or ".").strip("/")


def names_of(projects: "Sequence[ProjectResponse]") -> str:
    """Return the slugs of projects, with the directories that distinguish them."""
    return ", ".join(
        f"{each.slug} ({each.root_dir})" if each.root_dir else each.slug for each in projects
    )
