"""The command `pushpaka webhooks`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from pushpaka_core.domain.integrations.webhooks import PROVIDER_APIS, GitProvider
from pushpaka_core.domain.projects.sources import image_of
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.session import (
    Session,
    filter_by_project,
    with_project_option,
    with_session,
)
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, yes_option
from pushpaka_http.cli.ui.public_addresses import is_private

if TYPE_CHECKING:
    from pushpaka_http.schemas.webhooks import WebhookResponse

_COLUMNS: Columns = {
    "Id": "id",
    "Provider": "provider",
    "Previews": "previews",
    "Forks": "forks",
    "Tags": "tags",
    "URL": "url",
}
_INSTRUCTIONS: Mapping[GitProvider, str] = {
    GitProvider.GITHUB: "Settings > Webhooks > Add webhook. Enter the Payload URL and the Secret. "
    "Select the content type application/json and the push events; for previews, also select the "
    "pull request events. For an image in ghcr.io, select the package events instead.",
    GitProvider.GITLAB: "Settings > Webhooks > Add new webhook. Enter the URL and the Secret "
    "token. Select the push events; for previews, also select the merge request events.",
    GitProvider.GITEA: "Settings > Webhooks > Add webhook. Enter the Target URL and the Secret. "
    "Select the content type application/json and the push and delete events; for previews, also "
    "select the pull request events.",
    GitProvider.BITBUCKET: "Repository settings > Webhooks > Add webhook. Enter the URL and the "
    "Secret. Select the trigger Repository push; for previews, also select the pull request "
    "triggers.",
    GitProvider.DOCKER_HUB: "Webhooks. Enter the URL as the Webhook URL.",
    GitProvider.REGISTRY: "notifications.endpoints in the registry's configuration. Enter the "
    "URL as the url of an endpoint.",
}
_REGISTRIES = {"docker.io": GitProvider.DOCKER_HUB, "ghcr.io": GitProvider.GITHUB}


@click.group("webhooks", cls=ListingGroup)
def command() -> None:
    """
    Deploy on push: manage webhooks.

    Without a subcommand, list them.
    """


@command.command("list")
@with_project_option
def list_(session: Session) -> None:
    """
    List the webhooks of a project.

    Example: pushpaka webhooks list
    """
    webhooks = filter_by_project(session, session.client.webhooks.list())
    session.output.table(webhooks, _COLUMNS, empty_message="There are no webhooks.")


@command.command("create")
@click.option(
    "--provider",
    type=choice_of(GitProvider),
    help="Git provider or registry; use gitea for Forgejo. Default: detected from the URL.",
)
@click.option(
    "--previews", is_flag=True, help="Also deploy other branches and pull requests, as previews."
)
@click.option("--forks", is_flag=True, help="Also deploy pull requests from forks.")
@click.option(
    "--tags",
    metavar="PATTERN",
    help='Tags of images to deploy, such as "1.*". Default: the tag of the project\'s image.',
)
@with_project_option
def create(
    session: Session, *, provider: str | None, previews: bool, forks: bool, tags: str | None
) -> None:
    """
    Create a webhook, and show the settings for the provider.

    Example: pushpaka webhooks create --provider github --previews
    """
    project = session.project
    git_provider = provider or _provider_of(project.repo_url)
    made = session.client.webhooks.create(
        project_id=project.id, provider=git_provider, previews=previews, forks=forks, tags=tags
    )
    _show(session, made)
    host = urlsplit(made.url).hostname or ""
    if is_private(host):
        session.output.message(
            f"Warning: {host} cannot be reached from the internet. Only a Git server in the same "
            "network can deliver pushes."
        )


@command.command("rotate")
@click.argument("webhook_id", metavar="ID")
@with_session
def rotate(session: Session, *, webhook_id: str) -> None:
    """
    Create a new secret for a webhook.

    The previous secret becomes invalid. `pushpaka webhooks list` shows the IDs.

    Example: pushpaka webhooks rotate 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    _show(session, session.client.webhooks.rotate(_find(session, webhook_id).id))


@command.command("remove")
@click.argument("webhook_id", metavar="ID")
@yes_option
@with_session
def remove(session: Session, *, webhook_id: str, is_confirmed: bool) -> None:
    """
    Remove a webhook.

    Later deliveries to the webhook are rejected. `pushpaka webhooks list` shows the IDs.

    Example: pushpaka webhooks remove 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    found = _find(session, webhook_id)
    confirm("webhook", str(found.id), is_confirmed=is_confirmed)
    session.output.result(session.client.webhooks.delete(found.id), "Removed the webhook.")


def _find(session: Session, webhook_id: str) -> "WebhookResponse":
    return find_one(session.client.webhooks.list().data, webhook_id, "id", noun="webhook")


def _provider_of(repo_url: str) -> GitProvider:
    """
    Return the Git provider or registry that the URL of a repository or image names.

    Raises:
        click.UsageError: If the URL names none.
    """
    if image := image_of(repo_url):
        return _REGISTRIES.get(image.registry, GitProvider.REGISTRY)
    for provider, api in PROVIDER_APIS.items():
        if not api.has_secret_in_url and provider in repo_url.lower():
            return provider
    raise click.UsageError(
        "The Git provider could not be detected from the repository URL. Pass it with --provider."
    )


def _show(session: Session, webhook: "WebhookResponse") -> None:
    session.output.result(webhook, f"URL     {webhook.url}", f"Secret  {webhook.secret}")
    session.output.message("The secret is shown only once. In the repository settings, go to:")
    session.output.message(_INSTRUCTIONS[webhook.provider])
