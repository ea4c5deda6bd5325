"""`pushpaka webhooks`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.webhooks import Forge
from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.confirming import confirm, yes_option
from pushpaka_http.cli.client.options import choice_of
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.session import Session, in_project, of_its_project, with_session

if TYPE_CHECKING:
    from pushpaka_http.schemas.webhooks import WebhookResponse

_COLUMNS: Columns = {
    "Id": "id",
    "Forge": "provider",
    "Previews": "previews",
    "Forks": "forks",
    "URL": "url",
}
_WHERE: Mapping[Forge, str] = {
    Forge.GITHUB: "Settings, Webhooks, Add webhook: as Payload URL and Secret, content type "
    "application/json, with the events for pushes, and for pull requests if there are previews.",
    Forge.GITLAB: "Settings, Webhooks, Add new webhook: as URL and Secret token, with push events, "
    "and merge request events if there are previews.",
    Forge.GITEA: "Settings, Webhooks, Add webhook: as Target URL and Secret, content type "
    "application/json, with push and delete events, and pull requests if there are previews.",
    Forge.BITBUCKET: "Repository settings, Webhooks, Add webhook: as URL and Secret, with the "
    "trigger Repository push, and those of pull requests if there are previews.",
}


@click.group("webhooks")
def command() -> None:
    """Let a forge tell of each push, so that it is deployed."""


@command.command("list")
@in_project
def list_(session: Session) -> None:
    """
    List the webhooks of a project.

    Example: pushpaka webhooks list
    """
    webhooks = of_its_project(session, session.client.webhooks.list())
    session.output.table(webhooks, _COLUMNS, empty="There is no webhook.")


@command.command("create")
@click.option(
    "--provider",
    type=choice_of(Forge),
    help="What kind of a forge it is, gitea for Forgejo; told by the repository unless given.",
)
@click.option("--previews", is_flag=True, help="Deploy other branches and pull requests as well.")
@click.option("--forks", is_flag=True, help="And pull requests from forks.")
@in_project
def create(session: Session, *, provider: str | None, previews: bool, forks: bool) -> None:
    """
    Make a webhook, and show what its forge is given.

    Example: pushpaka webhooks create --provider github --previews
    """
    project = session.project
    forge = provider or _forge_of(project.repo_url)
    made = session.client.webhooks.create(
        project_id=project.id, provider=forge, previews=previews, forks=forks
    )
    _show(session, made)


@command.command("rotate")
@click.argument("webhook_id", metavar="ID")
@with_session
def rotate(session: Session, *, webhook_id: str) -> None:
    """
    Give the webhook ID a new secret.

    The one that the forge has is void.

    Example: pushpaka webhooks rotate 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    _show(session, session.client.webhooks.rotate(_find(session, webhook_id).id))


@command.command("remove")
@click.argument("webhook_id", metavar="ID")
@yes_option
@with_session
def remove(session: Session, *, webhook_id: str, is_sure: bool) -> None:
    """
    Take the webhook ID away.

    What the forge tells by it is refused from now on.

    Example: pushpaka webhooks remove 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    found = _find(session, webhook_id)
    confirm("webhook", str(found.id), is_sure=is_sure)
    session.output.result(session.client.webhooks.delete(found.id), "The webhook is removed.")


def _find(session: Session, webhook_id: str) -> "WebhookResponse":
    return the_one(session.client.webhooks.list().data, webhook_id, "id", what="webhook")


def _forge_of(repo_url: str) -> Forge:
    """Return the forge that the address of a repository names."""
    for forge in Forge:
        if forge in repo_url.lower():
            return forge
    raise click.UsageError("Which forge is it? Name it by --provider.")


def _show(session: Session, webhook: "WebhookResponse") -> None:
    session.output.result(webhook, f"URL     {webhook.url}", f"Secret  {webhook.secret}")
    session.output.say("The secret is shown this once. In the repository at the forge go to:")
    session.output.say(_WHERE[webhook.provider])
