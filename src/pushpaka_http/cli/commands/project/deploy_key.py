"""The command `pushpaka deploy-key`."""

import click

from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, yes_option

_FIELDS: Columns = {
    "Public key": "public_key",
    "Fingerprint": "fingerprint",
    "Created": "created_at",
}


@click.group("deploy-key")
def command() -> None:
    """Manage the SSH deploy key of a private repository."""


@command.command("show")
@with_project_option
def show(session: Session) -> None:
    """
    Show the public key and its fingerprint.

    Example: pushpaka deploy-key show
    """
    session.output.fields(session.client.deploy_keys.get(session.project.id), _FIELDS)


@command.command("create")
@with_project_option
def create(session: Session) -> None:
    """
    Create a deploy key, replacing any existing one.

    Example: pushpaka deploy-key create
    """
    project = session.project
    made = session.client.deploy_keys.create(project.id)
    session.output.result(made, made.public_key)
    session.output.message(
        "Add this key to the repository as a read-only deploy key. The project must use the SSH "
        "URL of the repository, for example git@host:owner/name.git."
    )


@command.command("remove")
@yes_option
@with_project_option
def remove(session: Session, *, is_confirmed: bool) -> None:
    """
    Remove the deploy key.

    Example: pushpaka deploy-key remove
    """
    project = session.project
    confirm("deploy key of", project.name, is_confirmed=is_confirmed)
    removed = session.client.deploy_keys.delete(project.id)
    session.output.result(removed, f"Removed the deploy key of {project.name}.")
