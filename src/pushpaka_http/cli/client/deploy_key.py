"""`pushpaka deploy-key`."""

import click

from pushpaka_http.cli.client.confirming import confirm, yes_option
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.session import Session, in_project

_FIELDS: Columns = {
    "Public key": "public_key",
    "Fingerprint": "fingerprint",
    "Made": "created_at",
}


@click.group("deploy-key")
def command() -> None:
    """Make the ssh key by which a private repository is fetched."""


@command.command("show")
@in_project
def show(session: Session) -> None:
    """
    Show the public half, which the forge is given.

    Example: pushpaka deploy-key show
    """
    session.output.fields(session.client.deploy_keys.get(session.project.id), _FIELDS)


@command.command("create")
@in_project
def create(session: Session) -> None:
    """
    Make a key, in place of the one that there is.

    Example: pushpaka deploy-key create
    """
    project = session.project
    made = session.client.deploy_keys.create(project.id)
    session.output.result(made, made.public_key)
    session.output.say(
        "Give it to the forge as a deploy key of the repository, for reading only. "
        "The address of the repository has to be that for ssh, as in git@host:owner/name.git."
    )


@command.command("remove")
@yes_option
@in_project
def remove(session: Session, *, is_sure: bool) -> None:
    """
    Take the key away; the repository is not fetched by it any more.

    Example: pushpaka deploy-key remove
    """
    project = session.project
    confirm("deploy key of", project.name, is_sure=is_sure)
    removed = session.client.deploy_keys.delete(project.id)
    session.output.result(removed, f"{project.name} has no deploy key any more.")
