"""`pushpaka logs`."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import UUID

import click
from attrs import frozen

from pushpaka_core.domain.logs import LogLevel, LogStream
from pushpaka_http.cli.client.begun import INTERRUPTED
from pushpaka_http.cli.client.clients import client_at
from pushpaka_http.cli.client.deployment_choice import serving_or_latest, short
from pushpaka_http.cli.client.displays import PHASE_WIDTH
from pushpaka_http.cli.client.options import choice_of
from pushpaka_http.cli.client.output import as_json, harmless, is_rich
from pushpaka_http.cli.client.printable import printable
from pushpaka_http.cli.client.servers import signed_in
from pushpaka_http.cli.client.session import Session, in_project
from pushpaka_http.schemas.logs import DeploymentLogResponse

if TYPE_CHECKING:
    from pushpaka_http.client.synchronous.watching import Logs

_PATIENCE = 30
"""Seconds for which a server may be away, as while it is started anew."""


@frozen(kw_only=True)
class Wanted:
    """Which lines are to be shown."""

    stream: str | None
    level: str | None
    text: str | None
    since: int | None
    tail: int | None

    def of(self, lines: Iterable[DeploymentLogResponse]) -> Iterator[DeploymentLogResponse]:
        """Yield those of *lines* that fit, by what the API goes by."""
        return (
            line
            for line in lines
            if self.stream in (None, line.stream)
            and self.level in (None, line.level)
            and (self.text or "").lower() in line.message.lower()
        )

    def followed(self, logs: "Logs", deployment_id: UUID) -> Iterator[DeploymentLogResponse]:
        """Yield those of a log as they come, beginning with the last ones that there are."""
        after = self.since
        if self.tail is not None:
            so_far = logs.list(deployment_id, after=after).data
            yield from _last(self.of(so_far), self.tail)
            after = so_far[-1].seq if so_far else after
        with closing(logs.follow(deployment_id, after=after)) as lines:
            yield from self.of(lines)


@click.command("logs")
@click.argument("named", metavar="[ID]", required=False)
@click.option("--follow", "-f", "is_followed", is_flag=True, help="Show lines as they come.")
@click.option(
    "--tail", "-n", type=click.IntRange(min=0), metavar="N", help="Begin with the last N lines."
)
@click.option("--stream", type=choice_of(LogStream), help="Who speaks.")
@click.option("--level", type=choice_of(LogLevel), help="How much a line matters.")
@click.option("--grep", "text", metavar="TEXT", help="Only lines with this text, in any case.")
@click.option(
    "--since-line", "since", type=click.IntRange(min=0), metavar="N", help="Only lines after N."
)
@in_project
def command(
    session: Session,
    *,
    named: str | None,
    is_followed: bool,
    tail: int | None,
    stream: str | None,
    level: str | None,
    text: str | None,
    since: int | None,
) -> None:
    """
    Show what deployment ID says: its build, and its application.

    Without ID it is what production serves, else what was deployed last. Colours of programs are
    shown on a terminal. With --follow and --json, each line of the output is a line of the log
    as the API has it. Following ends with the log, when the deployment is over.

    Example: pushpaka logs --follow --tail 100 --stream stderr
    """
    wanted = Wanted(stream=stream, level=level, text=text, since=since, tail=tail)
    show = _follow if is_followed else _show
    show(session, serving_or_latest(session, named).id, wanted)


def _show(session: Session, deployment_id: UUID, wanted: Wanted) -> None:
    listing = session.client.logs.list(
        deployment_id, stream=wanted.stream, level=wanted.level, q=wanted.text, after=wanted.since
    )
    lines = _last(listing.data, wanted.tail)
    if session.output.is_json:
        session.output.json({"data": lines})
        return
    for line in lines:
        _print(session, line)


def _follow(session: Session, deployment_id: UUID, wanted: Wanted) -> None:
    server = session.server
    try:
        with client_at(server.url, signed_in(server), patience=_PATIENCE) as client:
            for line in wanted.followed(client.logs, deployment_id):
                _print(session, line)
            deployment = client.deployments.get(deployment_id)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    session.output.say(f"This was the whole log: {short(deployment)} is {deployment.status}.")


def _last(
    lines: Iterable[DeploymentLogResponse], most: int | None
) -> Sequence[DeploymentLogResponse]:
    return list(lines) if most is None else list(deque(lines, maxlen=most))


def _print(session: Session, line: DeploymentLogResponse) -> None:
    if session.output.is_json:
        click.echo(as_json(line, indent=None))
        return
    message = printable(line.message, in_colours=is_rich())
    phase = harmless(line.phase)
    click.echo(f"{line.created_at:%H:%M:%S} {phase:{PHASE_WIDTH}} | {message}", color=True)
