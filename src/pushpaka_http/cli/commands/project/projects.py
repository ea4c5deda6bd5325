"""The command `pushpaka projects`."""

from typing import Any

import click

from pushpaka_core.domain.projects.sources import ARCHIVE_URL, IMAGE_PREFIX
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.session import (
    Session,
    with_project_argument,
    with_project_option,
    with_session,
)
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.project_settings import read_settings
from pushpaka_http.cli.ui.prompts import confirm, yes_option
from pushpaka_http.schemas.projects import ProjectResponse


def _health_check(project: ProjectResponse) -> str:
    path = f" {project.health_check_path or '/'}" if project.health_check.uses_path else ""
    return f"{project.health_check}{path}, within {project.health_check_timeout} s"


def _repository(project: ProjectResponse) -> str:
    return "local folder" if project.repo_url == ARCHIVE_URL else project.repo_url


_COLUMNS: Columns = {
    "Name": "name",
    "Status": "status",
    "URL": "url",
    "Branch": "branch",
    "Repository": _repository,
    "Role": "role",
}
_FIELDS: Columns = {
    **_COLUMNS,
    "Directory": "root_dir",
    "Framework": "framework",
    "Install command": "install_command",
    "Build command": "build_command",
    "Start command": "start_command",
    "Port": "port",
    "Health check": _health_check,
    "Rollback window": lambda project: (
        f"{project.rollback_window} s" if project.rollback_window else "off"
    ),
    "Replicas": "replicas",
    "CPU limit": "cpu_limit",
    "Memory limit (MiB)": "memory_limit",
    "Deploy on push": "auto_deploy",
    "Git token": "has_git_token",
    "Registry credentials": "has_registry_credentials",
    "Deploy key": "has_deploy_key",
    "Variables changed": "env_changed",
    "Slug": "slug",
    "Id": "id",
}


@click.group("projects", cls=ListingGroup)
def command() -> None:
    """
    Create, show, change and delete projects.

    Without a subcommand, list them.
    """


@command.command("list")
@with_session
def list_(session: Session) -> None:
    """
    List your projects and those that you are a member of.

    Example: pushpaka projects list
    """
    projects = session.client.projects.list()
    session.output.table(
        projects, _COLUMNS, empty_message="There are no projects. Run: pushpaka init"
    )


@command.command("create")
@click.argument("name")
@click.option(
    "--repo",
    metavar="URL",
    help='HTTPS or SSH URL of the repository, or "archive:" for a project without Git.',
)
@click.option(
    "--image",
    metavar="IMAGE",
    help="Image to deploy instead of a repository, such as ghcr.io/acme/shop:1.4.",
)
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@with_session
def create(
    session: Session,
    *,
    name: str,
    repo: str | None,
    image: str | None,
    settings: tuple[str, ...],
) -> None:
    """
    Create a project called NAME from a repository or an image.

    The settings have the same names as in `pushpaka projects set`.

    Example: pushpaka projects create shop --repo https://github.com/acme/shop branch=main
    """
    if (repo is None) == (image is None):
        raise click.UsageError("Pass either --repo or --image.")
    url = repo if image is None else f"{IMAGE_PREFIX}{image}"
    more: dict[str, Any] = read_settings(settings)
    made = session.client.projects.create(**{"name": name, "repo_url": url, **more})
    session.output.result(made, f"Created the project {made.name}. Its URL will be {made.url}")
    session.output.next_step(f"pushpaka deploy --project {made.slug}")


@command.command("show")
@with_project_argument
def show(session: Session) -> None:
    """
    Show a project and its settings.

    Example: pushpaka projects show shop
    """
    session.output.fields(session.project, _FIELDS)


@command.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="SETTING=VALUE...")
@with_project_option
def set_(session: Session, *, settings: tuple[str, ...]) -> None:
    """
    Change the settings of a project.

    A new number of replicas applies immediately; all other changes apply to the next deployment.
    The settings have the same names as in the API: name, repo_url, branch, root_dir,
    install_command, build_command, start_command, port, framework, health_check (http, tcp or
    none), health_check_path, health_check_timeout (seconds), rollback_window (seconds, 0 for off),
    replicas, cpu_limit (cores), memory_limit (MiB), auto_deploy, git_token, registry_credentials
    (USER:PASSWORD). An empty VALUE restores the default. With "-" as VALUE, the command asks for
    the value without showing it, or reads it from stdin if stdin is not a terminal. With "@FILE",
    it reads the value from a file.

    Example: pushpaka projects set port=8080 start_command= git_token=-
    """
    changes: dict[str, Any] = read_settings(settings)
    changed = session.client.projects.update(session.project.id, **changes)
    session.output.result(changed, f"Changed settings of {changed.name}: {', '.join(changes)}.")
    session.output.next_step(f"pushpaka deploy --project {changed.slug}")


@command.command("delete")
@yes_option
@with_project_argument
def delete(session: Session, *, is_confirmed: bool) -> None:
    """
    Delete a project.

    The deployments, logs, environment variables and domains of the project are deleted as well.

    Example: pushpaka projects delete shop
    """
    project = session.project
    confirm("project", project.name, is_confirmed=is_confirmed)
    deleted = session.client.projects.delete(project.id)
    session.output.result(
        deleted,
        f"Deleted the project {project.name}. Its containers and files will be removed shortly.",
    )
