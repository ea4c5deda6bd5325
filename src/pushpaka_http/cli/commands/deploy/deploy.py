"""The command `pushpaka deploy`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.projects.images import ImageReference, is_tag, parse_image
from pushpaka_core.domain.projects.sources import ARCHIVE_URL, image_of
from pushpaka_core.errors import SettingsError
from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.commands.started_deployment import starts_deployment
from pushpaka_http.cli.folder.deploy_target import DeployTarget, checked_out_target, explicit_target
from pushpaka_http.cli.folder.working_tree import LocalFolder, read_folder
from pushpaka_http.cli.ui.output import escape_control

if TYPE_CHECKING:
    from pushpaka_http.schemas.deployments import DeploymentResponse


@click.command("deploy")
@click.option("--branch", "-b", metavar="BRANCH", help="Deploy the latest commit of this branch.")
@click.option("--commit", metavar="SHA", help="Deploy this commit of the branch.")
@click.option(
    "--local", "is_local", is_flag=True, help="Upload and deploy this folder, without a Git server."
)
@click.option(
    "--image", metavar="TAG", help="Deploy this tag of the project's image, or a full reference."
)
@click.option("--target", metavar="TARGET", help='"production", "preview" or "preview:BRANCH".')
@click.option(
    "--preview", "is_preview", is_flag=True, help="Deploy a preview, which has its own URL."
)
@starts_deployment
def command(
    session: Session,
    *,
    branch: str | None,
    commit: str | None,
    is_local: bool,
    image: str | None,
    target: str | None,
    is_preview: bool,
) -> "DeploymentResponse":
    """
    Deploy a project and follow its progress.

    In a clone of the project's repository, the command deploys the commit that is checked out. If
    this commit has not been pushed, the command deploys the latest pushed commit of the branch
    instead. In any other folder, or with --branch or --commit, the command deploys the given branch
    or commit. The branch defaults to the project's branch.

    With --local, or if the project has no Git repository, the command uploads this folder. Files
    that Git ignores and untracked .env files are left out. An unchanged folder is not uploaded
    again.

    If the project deploys an image, the command deploys the tag in the project's settings, or the
    one given with --image.

    Progress is printed to stderr, and the URL to stdout. Press Ctrl-C to stop following; the
    deployment continues. Exit codes: 0 if the deployment is live (with --detach: accepted); 1 if it
    failed, was canceled or superseded, or --timeout expired; 130 after Ctrl-C.

    With --wait-stable, the command also waits for the end of the rollback window, by default 30 s
    after traffic switches. If the deployment breaks during that time, it is rolled back
    automatically, and the exit code is 1.

    With --json, each line of stdout is an object with a "type" and a key of that name: "event" is
    a step as in `deployments events`, "line" is a line as in `logs`, and the last object is the
    "deployment". With --detach, only the deployment is printed.

    Example: pushpaka deploy --branch feature/login --preview
    """
    if is_preview and target is not None:
        raise click.UsageError("--preview cannot be combined with --target. Leave one of them out.")
    if is_local and (branch or commit):
        raise click.UsageError(
            "--local cannot be combined with --branch or --commit. Leave out --local or the "
            "other options."
        )
    is_named = branch is not None or commit is not None
    if image is not None or image_of(session.project.repo_url) is not None:
        if is_named or is_local:
            raise click.UsageError(
                "Images cannot be deployed with --branch, --commit or --local. Leave them out."
            )
        return _deploy_image(session, image, target=target, is_preview=is_preview)
    has_git = session.project.repo_url != ARCHIVE_URL
    if is_named and not has_git:
        raise click.UsageError(
            f"{session.project.name} has no Git repository, so --branch and --commit cannot be "
            "used. Leave them out to deploy this folder."
        )
    folder = None if is_named or is_local else _clone(session)
    deploy_target = (
        explicit_target(
            session.project, branch=branch, commit=commit, target=target, is_preview=is_preview
        )
        if folder is None
        else checked_out_target(folder, session.project, target=target, is_preview=is_preview)
    )
    if is_named or (has_git and not is_local):
        return _deploy_commit(session, deploy_target)
    return _deploy_folder(session, deploy_target.target)


def _deploy_commit(session: Session, deploy_target: DeployTarget) -> "DeploymentResponse":
    for warning in deploy_target.warnings:
        session.output.message(f"Warning: {warning}")
    session.output.message(f"Deploying {session.project.name}: {deploy_target.description}.")
    return session.client.deployments.create(
        project_id=session.project.id,
        branch=deploy_target.branch,
        commit_sha=deploy_target.commit,
        target=deploy_target.target,
    )


def _deploy_image(
    session: Session, requested: str | None, *, target: str | None, is_preview: bool
) -> "DeploymentResponse":
    project = session.project
    own_image = image_of(project.repo_url)
    if own_image is None:
        raise click.UsageError(
            f"{project.name} does not deploy an image, so --image cannot be used. Leave it out, or "
            "change the project's source: pushpaka projects set repo_url=image:IMAGE"
        )
    image = own_image if requested is None else _requested_image(own_image, requested)
    deploy_target = explicit_target(
        project, branch=image.tag, commit=None, target=target, is_preview=is_preview
    ).target
    session.output.message(f"Deploying {project.name}: {image} to {deploy_target}.")
    return session.client.deployments.create(
        project_id=project.id, image=str(image), target=deploy_target
    )


def _requested_image(own_image: ImageReference, requested: str) -> ImageReference:
    """Return the image *requested*, which is a tag of *own_image* or the name of another image."""
    if is_tag(requested):
        return own_image.with_tag(requested)
    try:
        return parse_image(requested)
    except ValueError as error:
        raise click.UsageError(f"--image {error}.") from None


def _deploy_folder(session: Session, target: str) -> "DeploymentResponse":
    from pushpaka_http.cli.folder.archives import packed_folder, upload_archive, upload_root

    project, output = session.project, session.output
    folder = upload_root(project.root_dir, Path.cwd())
    with packed_folder(folder) as archive:
        sha256 = upload_archive(session.client, project, archive, output)
    source = "this folder" if folder == Path.cwd() else f"the folder {escape_control(folder.name)}"
    output.message(f"Deploying {source} as {project.name} to {target}.")
    return session.client.deployments.create(project_id=project.id, archive=sha256, target=target)


def _clone(session: Session) -> LocalFolder | None:
    """Return the current folder if it is a clone of the project's repository, otherwise None."""
    try:
        folder = read_folder()
    except SettingsError as error:
        session.output.message(f"Warning: The Git state of this folder is ignored. {error}")
        return None
    return folder if folder and folder.is_clone_of(session.project.repo_url) else None
