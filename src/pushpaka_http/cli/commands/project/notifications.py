"""The command `pushpaka notifications`."""

from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.integrations.notifications import NotificationTrigger
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.session import (
    Session,
    filter_by_project,
    with_project_option,
    with_session,
)
from pushpaka_http.cli.ui.assignments import read_value
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, yes_option

if TYPE_CHECKING:
    from pushpaka_http.schemas.notifications import ChannelResponse

_COLUMNS: Columns = {
    "Id": "id",
    "Service": "service",
    "Events": "events",
    "Last sent": "last_delivered_at",
    "Last error": "last_error",
}


@click.group("notifications", cls=ListingGroup)
def command() -> None:
    """
    Send notifications about deployments.

    Without a subcommand, list the notification channels.
    """


@command.command("list")
@with_project_option
def list_(session: Session) -> None:
    """
    List the notification channels of a project.

    Their URLs contain secrets and are not shown.

    Example: pushpaka notifications list
    """
    channels = filter_by_project(session, session.client.notifications.list())
    session.output.table(channels, _COLUMNS, empty_message="There are no notification channels.")


@command.command("add")
@click.argument("url")
@click.option(
    "--on",
    "events",
    type=choice_of(NotificationTrigger),
    multiple=True,
    help="When to notify. May be repeated. Default: always.",
)
@with_project_option
def add(session: Session, *, url: str, events: tuple[str, ...]) -> None:
    """
    Add a notification channel.

    The scheme of URL selects the service, for example slack://… or https://…. With "-", the command
    asks for the URL without showing it, or reads it from stdin if stdin is not a terminal.

    Example: pushpaka notifications add https://example.com/hooks --on failure --on crash
    """
    made = session.client.notifications.create(
        project_id=session.project.id,
        url=read_value(url, "URL"),
        events=events or None,
    )
    secret = [] if made.secret is None else [f"Secret  {made.secret}"]
    session.output.result(made, f"Id      {made.id}", *secret)
    if secret:
        session.output.message("Requests are signed with this secret. It is shown only once.")
    session.output.next_step(f"pushpaka notifications test {made.id}")


@command.command("test")
@click.argument("channel_id", metavar="ID")
@with_session
def test(session: Session, *, channel_id: str) -> None:
    """
    Send a test notification.

    `pushpaka notifications list` shows whether it was delivered.

    Example: pushpaka notifications test 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    sent = session.client.notifications.test(_find(session, channel_id).id)
    session.output.result(sent, sent.message)
    session.output.next_step("pushpaka notifications list")


@command.command("remove")
@click.argument("channel_id", metavar="ID")
@yes_option
@with_session
def remove(session: Session, *, channel_id: str, is_confirmed: bool) -> None:
    """
    Remove a notification channel.

    `pushpaka notifications list` shows the IDs.

    Example: pushpaka notifications remove 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    found = _find(session, channel_id)
    confirm("notification channel", str(found.id), is_confirmed=is_confirmed)
    removed = session.client.notifications.delete(found.id)
    session.output.result(removed, f"Removed the {found.service} channel.")


def _find(session: Session, channel_id: str) -> "ChannelResponse":
    channels = session.client.notifications.list().data
    return find_one(channels, channel_id, "id", noun="notification channel")
