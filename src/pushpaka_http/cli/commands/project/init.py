"""The command `pushpaka init`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.projects.repository_urls import without_credentials
from pushpaka_core.domain.projects.sources import ARCHIVE_URL, IMAGE_PREFIX, image_of
from pushpaka_http.cli.commands.project_choice import directory_of, matching_projects, names_of
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.folder.git_remotes import Remote, current_branch, path_in_clone, remotes_of
from pushpaka_http.cli.folder.project_link import link
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.cli.ui.output import display_value

if TYPE_CHECKING:
    from pushpaka_http.schemas.plans import PlanResponse
    from pushpaka_http.schemas.projects import ProjectResponse

_NAME = re.compile("[/:]")


@click.command("init")
@click.option("--name", help="Name of a new project. Defaults to the name of the repository.")
@click.option("--remote", help="Git remote to use. Defaults to origin.")
@click.option("--branch", help="Branch to deploy. Defaults to the checked-out branch.")
@click.option(
    "--local",
    "is_local",
    is_flag=True,
    help="Create a project without Git, which deploys this folder.",
)
@click.option(
    "--image",
    metavar="IMAGE",
    help="Create a project that deploys this image, such as ghcr.io/acme/shop:1.4.",
)
@with_project_option
def command(
    session: Session,
    *,
    name: str | None,
    remote: str | None,
    branch: str | None,
    is_local: bool,
    image: str | None,
) -> None:
    """
    Link this folder to a project, creating it if necessary.

    By default, the project is the one that deploys this Git repository. Use --project to link
    another project, --local to create a project without Git, which deploys the contents of this
    folder, or --image to create one that deploys an image from a registry. In a linked folder, all
    other commands use its project by default.

    Example: pushpaka init
    """
    if is_local and image is not None:
        raise click.UsageError("--local cannot be combined with --image. Leave one of them out.")
    folder = Path.cwd()
    if session.named_project is not None:
        project, is_new = session.project, False
    elif image is not None:
        url = f"{IMAGE_PREFIX}{image}"
        project, is_new = _create_without_git(session, name or folder.name, url), True
    elif is_local:
        project, is_new = _create_without_git(session, name or folder.name, ARCHIVE_URL), True
    else:
        project, is_new = _find_or_create(session, folder, name=name, remote=remote, branch=branch)
    link(folder, project.id)
    verb = "Created and linked" if is_new else "Linked"
    source = (
        ". It deploys this folder." if project.repo_url == ARCHIVE_URL else f": {project.repo_url}"
    )
    session.output.result(project, f"{verb} the project {project.name}{source}")
    if session.output.is_json:
        return
    session.output.next_step(_next_step(session, project))


def _create_without_git(session: Session, name: str, repo_url: str) -> "ProjectResponse":
    from pushpaka_http.client import ConflictError

    try:
        return session.client.projects.create(name=name, repo_url=repo_url)
    except ConflictError as error:
        raise NoMatchError(
            f'{error.message} Link this folder to that project with --project "{name}", or choose '
            "another name with --name."
        ) from None


def _find_or_create(
    session: Session, folder: Path, *, name: str | None, remote: str | None, branch: str | None
) -> "tuple[ProjectResponse, bool]":
    from pushpaka_http.client import BadRequestError

    origin, inner = _chosen_remote(folder, remote), path_in_clone(folder)
    url = without_credentials(origin.url)
    matches = matching_projects(session.client.projects.list().data, folder, [url])
    if name is not None:
        matches = [each for each in matches if each.name == name]
    if matches:
        return _require_only(matches, inner), False
    try:
        made = session.client.projects.create(
            name=name or _NAME.split(url.rstrip("/").removesuffix(".git"))[-1],
            repo_url=url,
            branch=branch or current_branch(folder),
            root_dir=None if inner == "." else inner,
        )
    except BadRequestError as error:
        for problem in error.details:
            if problem.field == "repo_url":
                raise NoMatchError(
                    f'The Git remote "{origin.name}" has the URL {url}, but it {problem.message}. '
                    "Choose another remote with --remote, or upload this folder instead: "
                    "pushpaka init --local"
                ) from None
        raise
    return made, True


def _require_only(
    projects: "Sequence[ProjectResponse]", path_in_repository: str
) -> "ProjectResponse":
    """
    Return the only one of *projects*, if it deploys the directory *path_in_repository* or that
    directory is the root.

    Raise NoMatchError if there are several projects or none, or if the project deploys another
    directory.
    """
    (first, *others) = projects
    if others or path_in_repository not in {".", directory_of(first)}:
        raise NoMatchError(
            f"Other projects use this repository: {names_of(projects)}. Link one with --project, "
            "or create a new project with --name."
        )
    return first


def _chosen_remote(folder: Path, remote: str | None) -> Remote:
    """
    Return the remote *remote* of the folder, by default the first one.

    Raise NoMatchError if there is none.
    """
    remotes = [each for each in remotes_of(folder) if remote in {None, each.name}]
    if not remotes:
        named = f" named {remote}" if remote else ""
        raise NoMatchError(
            f"This folder has no Git remote{named}. Add it with "
            f"`git remote add {remote or 'origin'} URL` (an https:// or ssh:// URL), link a "
            "project with --project, or upload this folder instead: pushpaka init --local"
        )
    return remotes[0]


def _next_step(session: Session, project: "ProjectResponse") -> str:
    """Print the plan of a deployment if it is available, and return the suggested next command."""
    from pushpaka_http.client import ApiError

    if project.repo_url == ARCHIVE_URL:
        return "pushpaka deploy --local"
    if image_of(project.repo_url) is not None:
        return "pushpaka deploy"
    try:
        plan = session.client.projects.plan(project.id)
    except ApiError as error:
        session.output.message(f"The plan is not available yet: {error.message}")
        opens = (
            "projects set git_token=-"
            if project.repo_url.startswith("http")
            else "deploy-key create"
        )
        return f"pushpaka {opens} (if the repository is private), then pushpaka deploy"
    for heading, text in _plan_lines(plan):
        session.output.message(f"  {heading:9}  {text}")
    return "pushpaka deploy"


def _plan_lines(plan: "PlanResponse") -> list[tuple[str, str]]:
    version = f" {plan.language_version}" if plan.language_version else ""
    steps = [plan.install, *plan.build]
    return [
        ("Framework", f"{plan.framework} ({plan.language}{version})"),
        *(("Build", step.command) for step in steps if step is not None),
        *((f"Run {name}", step.command) for name, step in plan.processes.items()),
        *([("Serve", plan.static.directory)] if plan.static else []),
        *([("Missing", display_value(plan.env.missing))] if plan.env.missing else []),
        *([("Generate", display_value(plan.env.generated))] if plan.env.generated else []),
    ]
