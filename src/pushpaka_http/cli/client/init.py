"""`pushpaka init`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.repository_places import without_credentials
from pushpaka_core.domain.sources import WITHOUT_GIT
from pushpaka_http.cli.client.failures import NoSuchThingError
from pushpaka_http.cli.client.git_remotes import current_branch, inner_directory, remotes_of
from pushpaka_http.cli.client.links import link
from pushpaka_http.cli.client.output import shown
from pushpaka_http.cli.client.project_choice import directory_of, names_of, projects_of
from pushpaka_http.cli.client.session import Session, in_project

if TYPE_CHECKING:
    from pushpaka_http.schemas.plans import PlanResponse
    from pushpaka_http.schemas.projects import ProjectResponse

_NAME = re.compile("[/:]")


@click.command("init")
@click.option("--name", help="What to call a new project; as its repository, if not.")
@click.option("--remote", help="Of several remotes of Git, this one; origin, if not.")
@click.option("--branch", help="The branch to deploy; the one that is checked out, if not.")
@click.option(
    "--local", "is_local", is_flag=True, help="Make one without a repository, of a folder."
)
@in_project
def command(
    session: Session, *, name: str | None, remote: str | None, branch: str | None, is_local: bool
) -> None:
    """
    Link this folder to the project of its Git repository, which is made where there is none.

    All other commands are about that project then, as long as none is named. With --project it
    is that one, whatever the repository. With --local it is a new one, which deploys what lies
    in the folder.

    Example: pushpaka init
    """
    folder = Path.cwd()
    if session.named_project is not None:
        project, is_new = session.project, False
    elif is_local:
        project, is_new = _made_of_folder(session, name or folder.name), True
    else:
        project, is_new = _found_or_made(session, folder, name=name, remote=remote, branch=branch)
    link(folder, project.id)
    verb = "was made and linked" if is_new else "is linked"
    session.output.result(project, f"{project.name} {verb} to this folder: {project.repo_url}")
    if session.output.is_json:
        return
    session.output.next_step(_next_step(session, project))


def _made_of_folder(session: Session, name: str) -> "ProjectResponse":
    from pushpaka_http.client import ConflictError

    try:
        return session.client.projects.create(name=name, repo_url=WITHOUT_GIT)
    except ConflictError as error:
        raise NoSuchThingError(
            f'{error.message} Link this folder to that project by --project "{name}", or call the '
            "new one otherwise by --name."
        ) from None


def _found_or_made(
    session: Session, folder: Path, *, name: str | None, remote: str | None, branch: str | None
) -> "tuple[ProjectResponse, bool]":
    url, inner = _address_of(folder, remote), inner_directory(folder)
    fitting = projects_of(session.client.projects.list().data, folder, [url])
    if name is not None:
        fitting = [each for each in fitting if each.name == name]
    if fitting:
        return _only(fitting, inner), False
    made = session.client.projects.create(
        name=name or _NAME.split(url.rstrip("/").removesuffix(".git"))[-1],
        repo_url=url,
        branch=branch or current_branch(folder),
        root_dir=None if inner == "." else inner,
    )
    return made, True


def _only(projects: "Sequence[ProjectResponse]", inner: str) -> "ProjectResponse":
    """Return the one that the folder at *inner* is linked to."""
    (first, *others) = projects
    if others or inner not in {".", directory_of(first)}:
        raise NoSuchThingError(
            f"Of this repository there are {names_of(projects)}. Choose one by --project, "
            "or make another by --name."
        )
    return first


def _address_of(folder: Path, remote: str | None) -> str:
    """Return the address of the repository that the folder is a clone of, without passwords."""
    remotes = [each for each in remotes_of(folder) if remote in {None, each.name}]
    if not remotes:
        raise NoSuchThingError(
            "This folder is no clone of a repository at a forge: Git knows no such remote. Add one "
            "by `git remote add origin URL`, name a project by --project, or deploy the folder "
            "itself: pushpaka init --local"
        )
    return without_credentials(remotes[0].url)


def _next_step(session: Session, project: "ProjectResponse") -> str:
    """Say what a deployment would do, if the server can tell, and return what comes next."""
    from pushpaka_http.client import ApiError

    if project.repo_url == WITHOUT_GIT:
        return "pushpaka deploy --local"
    try:
        plan = session.client.projects.plan(project.id)
    except ApiError as error:
        session.output.say(f"What a deployment would do cannot be told yet: {error.message}")
        opens = (
            "projects set git_token=-"
            if project.repo_url.startswith("http")
            else "deploy-key create"
        )
        return f"pushpaka {opens}, if the repository is private; then pushpaka deploy"
    for heading, text in _main_lines(plan):
        session.output.say(f"  {heading:9}  {text}")
    return "pushpaka deploy"


def _main_lines(plan: "PlanResponse") -> list[tuple[str, str]]:
    version = f" {plan.language_version}" if plan.language_version else ""
    steps = [plan.install, *plan.build]
    return [
        ("Framework", f"{plan.framework} ({plan.language}{version})"),
        *(("Build", step.command) for step in steps if step is not None),
        *((f"Run {name}", step.command) for name, step in plan.processes.items()),
        *([("Serve", plan.static.directory)] if plan.static else []),
        *([("Missing", shown(plan.env.missing))] if plan.env.missing else []),
    ]
