"""`pushpaka notifications`."""

from typing import TYPE_CHECKING

import click

from pushpaka_core.domain.notifications import Occasion
from pushpaka_http.cli.client.assignments import read_value
from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.confirming import confirm, yes_option
from pushpaka_http.cli.client.options import choice_of
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.session import Session, in_project, of_its_project, with_session

if TYPE_CHECKING:
    from pushpaka_http.schemas.notifications import ChannelResponse

_COLUMNS: Columns = {
    "Id": "id",
    "Service": "service",
    "Success": "success",
    "Failure": "failure",
    "Crash": "crash",
    "Last told": "last_told_at",
    "Last error": "last_error",
}


@click.group("notifications")
def command() -> None:
    """Have people and programs told how deployments end."""


@command.command("list")
@in_project
def list_(session: Session) -> None:
    """
    List who is told what of a project.

    Addresses are secret, and not shown.

    Example: pushpaka notifications list
    """
    channels = of_its_project(session, session.client.notifications.list())
    session.output.table(channels, _COLUMNS, empty="Nobody is told anything.")


@command.command("add")
@click.argument("url")
@click.option(
    "--on",
    "occasions",
    type=choice_of(Occasion),
    multiple=True,
    help="Tell this; may be repeated. Everything, unless it is given.",
)
@in_project
def add(session: Session, *, url: str, occasions: tuple[str, ...]) -> None:
    """
    Have the service at URL told.

    It is as in slack://… or https://…; "-" reads it from the input.

    Example: pushpaka notifications add https://example.com/hooks --on failure --on crash
    """
    wanted = occasions or tuple(Occasion)
    made = session.client.notifications.create(
        project_id=session.project.id,
        url=read_value(url),
        **{str(occasion): occasion in wanted for occasion in Occasion},
    )
    secret = [] if made.secret is None else [f"Secret  {made.secret}"]
    session.output.result(made, f"Id      {made.id}", *secret)
    if secret:
        session.output.say("Requests are signed with the secret, which is shown this once.")
    session.output.next_step(f"pushpaka notifications test {made.id}")


@command.command("test")
@click.argument("channel_id", metavar="ID")
@with_session
def test(session: Session, *, channel_id: str) -> None:
    """
    Send a test; `pushpaka notifications list` shows how it went.

    Example: pushpaka notifications test 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    sent = session.client.notifications.test(_find(session, channel_id).id)
    session.output.result(sent, sent.message)
    session.output.next_step("pushpaka notifications list")


@command.command("remove")
@click.argument("channel_id", metavar="ID")
@yes_option
@with_session
def remove(session: Session, *, channel_id: str, is_sure: bool) -> None:
    """
    Tell ID nothing any more.

    Example: pushpaka notifications remove 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10
    """
    found = _find(session, channel_id)
    confirm("notification channel", str(found.id), is_sure=is_sure)
    removed = session.client.notifications.delete(found.id)
    session.output.result(removed, f"{found.service} is told nothing any more.")


def _find(session: Session, channel_id: str) -> "ChannelResponse":
    channels = session.client.notifications.list().data
    return the_one(channels, channel_id, "id", what="notification channel")
