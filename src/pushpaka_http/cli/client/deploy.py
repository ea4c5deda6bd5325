"""`pushpaka deploy`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.sources import WITHOUT_GIT
from pushpaka_core.errors import SettingsError
from pushpaka_http.cli.client.begun import begins_deployment
from pushpaka_http.cli.client.folder import LocalFolder, read_folder
from pushpaka_http.cli.client.output import harmless
from pushpaka_http.cli.client.session import Session
from pushpaka_http.cli.client.wish import Wish, named_wish, wish_of

if TYPE_CHECKING:
    from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("deploy")
@click.option("--branch", "-b", metavar="BRANCH", help="The newest commit of this branch.")
@click.option("--commit", metavar="SHA", help="This commit of the branch.")
@click.option(
    "--local", "is_local", is_flag=True, help="This folder itself, as it is, without a Git server."
)
@click.option("--target", metavar="TARGET", help='"production", or "preview" or "preview:BRANCH".')
@click.option(
    "--preview", "is_preview", is_flag=True, help="Serve it at an address of its own, for a look."
)
@begins_deployment
def command(
    session: Session,
    *,
    branch: str | None,
    commit: str | None,
    is_local: bool,
    target: str | None,
    is_preview: bool,
) -> "DeploymentResponse":
    """
    Deploy a project, and follow it until it runs.

    It is the project of this folder, with the branch and the commit that are checked out here,
    as far as they are pushed. With --branch or --commit, or in a folder that is no clone of its
    repository, it is the newest commit of the named branch, else of the project's own.

    With --local, and for a project without Git, it is the folder itself: what a commit of all of
    it would have, so nothing that a .gitignore names, and no .env file that Git does not track.
    A folder that has not changed is not sent again.

    What goes on is told on the error stream, and the address where it runs on the output.
    Ctrl-C ends the watching and not the deployment. Exit codes: 0 it runs (with --detach: it
    is accepted); 1 it failed, was cancelled or superseded, or --timeout is over; 130 Ctrl-C.

    With --json, each line of the output is an object whose "type" names what it has besides:
    "event", a step as in `deployments events`; "line", a line as in `logs`; and at the end
    "deployment". With --detach it is the deployment alone.

    Example: pushpaka deploy --branch feature/login --preview
    """
    if is_preview and target is not None:
        raise click.UsageError("--preview and --target exclude each other.")
    if is_local and (branch or commit):
        raise click.UsageError("--local is the folder itself: it excludes --branch and --commit.")
    has_git = session.project.repo_url != WITHOUT_GIT
    is_named = branch is not None or commit is not None
    if is_named and not has_git:
        raise click.UsageError(
            f"{session.project.name} has no Git repository, and deploys the folder itself: leave "
            "out --branch and --commit."
        )
    folder = None if is_named or is_local else _clone_of(session)
    wish = (
        named_wish(
            session.project, branch=branch, commit=commit, target=target, is_preview=is_preview
        )
        if folder is None
        else wish_of(folder, session.project, target=target, is_preview=is_preview)
    )
    if is_named or (has_git and not is_local):
        return _deploy_commit(session, wish)
    return _deploy_folder(session, wish.target)


def _deploy_commit(session: Session, wish: Wish) -> "DeploymentResponse":
    for warning in wish.warnings:
        session.output.say(f"Warning: {warning}")
    session.output.say(f"Deploying {session.project.name}: {wish.sentence}.")
    return session.client.deployments.create(
        project_id=session.project.id,
        branch=wish.branch,
        commit_sha=wish.commit,
        target=wish.target,
    )


def _deploy_folder(session: Session, target: str) -> "DeploymentResponse":
    from pushpaka_http.cli.client.archives import archive_of, folder_of, uploaded

    project, output = session.project, session.output
    folder = folder_of(project.root_dir, Path.cwd())
    with archive_of(folder) as archive:
        sha256 = uploaded(session.client, project, archive, output)
    output.say(f"Deploying {project.name}: {harmless(folder.name)} to {target}.")
    return session.client.deployments.create(project_id=project.id, archive=sha256, target=target)


def _clone_of(session: Session) -> LocalFolder | None:
    """Return this folder where it is a clone of the project's repository."""
    try:
        folder = read_folder()
    except SettingsError as error:
        session.output.say(f"This folder is not looked at: {error}")
        return None
    return folder if folder and folder.is_of(session.project.repo_url) else None
