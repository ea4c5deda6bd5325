"""`pushpaka projects`."""

from typing import Any

import click

from pushpaka_http.cli.client.confirming import confirm, yes_option
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.project_settings import read_settings
from pushpaka_http.cli.client.session import Session, in_project, of_project, with_session

_COLUMNS: Columns = {
    "Name": "name",
    "Status": "status",
    "Address": "url",
    "Branch": "branch",
    "Repository": "repo_url",
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
    "Health check": lambda project: (
        f"{project.health_check_path or '/'}, within {project.health_check_timeout} s"
    ),
    "Replicas": "replicas",
    "Cores": "cpu_limit",
    "MiB of memory": "memory_limit",
    "Push deploys": "auto_deploy",
    "Git token": "has_git_token",
    "Deploy key": "has_deploy_key",
    "Env changed": "env_changed",
    "Slug": "slug",
    "Id": "id",
}


@click.group("projects")
def command() -> None:
    """Make projects, look at them, change them and delete them."""


@command.command("list")
@with_session
def list_(session: Session) -> None:
    """
    List your projects and those of your teams.

    Example: pushpaka projects list
    """
    projects = session.client.projects.list()
    session.output.table(projects, _COLUMNS, empty="There is no project yet. Run: pushpaka init")


@command.command("create")
@click.argument("name")
@click.option(
    "--repo",
    required=True,
    metavar="URL",
    help="Its repository, by https or ssh; archive: is none.",
)
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@with_session
def create(session: Session, *, name: str, repo: str, settings: tuple[str, ...]) -> None:
    """
    Make a project called NAME.

    Settings are those of `pushpaka projects set`.

    Example: pushpaka projects create shop --repo https://github.com/acme/shop branch=main
    """
    more: dict[str, Any] = read_settings(settings)
    made = session.client.projects.create(**{"name": name, "repo_url": repo, **more})
    session.output.result(made, f"The project {made.name} will answer at {made.url}.")
    session.output.next_step(f"pushpaka deploy --project {made.slug}")


@command.command("show")
@of_project
def show(session: Session) -> None:
    """
    Show a project with its settings.

    Example: pushpaka projects show shop
    """
    session.output.fields(session.project, _FIELDS)


@command.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="SETTING=VALUE...")
@in_project
def set_(session: Session, *, settings: tuple[str, ...]) -> None:
    """
    Change settings of a project, from its next deployment on.

    A SETTING is called as in the API: name, repo_url, branch, root_dir, install_command,
    build_command, start_command, port, framework, health_check_path, health_check_timeout,
    replicas, cpu_limit (cores), memory_limit (MiB), auto_deploy, git_token. An empty VALUE takes
    a choice back, "-" is read from the input and "@FILE" from a file.

    Example: pushpaka projects set port=8080 start_command= git_token=-
    """
    changes: dict[str, Any] = read_settings(settings)
    changed = session.client.projects.update(session.project.id, **changes)
    session.output.result(changed, f"Changed in {changed.name}: {', '.join(changes)}.")
    session.output.next_step(f"pushpaka deploy --project {changed.slug}")


@command.command("delete")
@yes_option
@of_project
def delete(session: Session, *, is_sure: bool) -> None:
    """
    Delete a project with all that is its own.

    Its deployments, logs, env vars and domains are gone with it.

    Example: pushpaka projects delete shop
    """
    project = session.project
    confirm("project", project.name, is_sure=is_sure)
    deleted = session.client.projects.delete(project.id)
    session.output.result(deleted, f"The project {project.name} is deleted.")
