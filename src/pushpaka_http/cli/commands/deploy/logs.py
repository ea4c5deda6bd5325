"""The command `pushpaka logs`."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import reduce, wraps
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
from attrs import evolve, frozen

from pushpaka_core.domain.logs.logs import LogLevel, LogStream
from pushpaka_http.cli.auth.clients import create_client
from pushpaka_http.cli.auth.servers import require_token
from pushpaka_http.cli.commands.deployment_choice import (
    active_or_latest_deployment,
    find_deployment,
    short_id,
)
from pushpaka_http.cli.commands.options import choice_of, project_names
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.commands.started_deployment import INTERRUPTED
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.cli.ui.moments import parse_moment
from pushpaka_http.cli.ui.output import as_json, escape_control, has_colors, terminal_safe
from pushpaka_http.cli.ui.progress import PHASE_WIDTH
from pushpaka_http.schemas.logs import DeploymentLogResponse

if TYPE_CHECKING:
    from pushpaka_http.client.synchronous.streaming import Logs
    from pushpaka_http.schemas.deployments import DeploymentResponse

_ID = re.compile("[0-9a-fA-F-]{4,36}")
"""The id of a deployment, or the first characters of one."""
_RETRY_SECONDS = 30
"""Seconds to wait for the server to come back, for example while it is restarted."""


@frozen(kw_only=True)
class LogFilter:
    """Filters for log lines."""

    stream: str | None
    level: str | None
    text: str | None
    since: datetime | None
    since_line: int | None
    tail: int | None

    def filter_lines(
        self, lines: Iterable[DeploymentLogResponse]
    ) -> Iterator[DeploymentLogResponse]:
        """Yield the matching *lines*, with the same rules as the API."""
        return (
            line
            for line in lines
            if self.stream in (None, line.stream)
            and self.level in (None, line.level)
            and (self.text or "").lower() in line.message.lower()
            and (self.since is None or line.created_at >= self.since)
        )

    def follow(self, logs: "Logs", deployment_id: UUID) -> Iterator[DeploymentLogResponse]:
        """Yield matching lines as they are written, after the last `tail` existing ones."""
        after = self.since_line
        if self.tail is not None:
            so_far = logs.list(deployment_id, after=after).data
            yield from _last_lines(self.filter_lines(so_far), self.tail)
            after = so_far[-1].seq if so_far else after
        with closing(logs.follow(deployment_id, after=after)) as lines:
            yield from self.filter_lines(lines)


def _parse_moment_option(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> datetime | None:
    try:
        return None if text is None else parse_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(f"TIME {error}.") from None


_OPTIONS = (
    click.option("--follow", "-f", "is_followed", is_flag=True, help="Keep printing new lines."),
    click.option(
        "--tail", "-n", type=click.IntRange(min=0), metavar="N", help="Start with the last N lines."
    ),
    click.option("--stream", type=choice_of(LogStream), help="Show only lines from this stream."),
    click.option("--level", type=choice_of(LogLevel), help="Show only lines with this level."),
    click.option(
        "--grep", "text", metavar="TEXT", help="Show only lines that contain TEXT, ignoring case."
    ),
    click.option(
        "--since",
        callback=_parse_moment_option,
        metavar="TIME",
        help="Show only lines since TIME: a duration such as 90s, 30m, 1h or 2d, or a time such as "
        "2026-03-01T12:00.",
    ),
    click.option(
        "--since-line",
        type=click.IntRange(min=0),
        metavar="N",
        help="Show only lines after line number N.",
    ),
)


def takes_log_filter(function: Callable[..., None]) -> Callable[..., None]:
    """
    Decorate a command that shows a log with the options that select its lines.

    The command gets `is_followed` and a `LogFilter`.
    """

    @wraps(function)
    def run(
        *arguments: Any,
        stream: str | None,
        level: str | None,
        text: str | None,
        since: datetime | None,
        since_line: int | None,
        tail: int | None,
        **others: Any,
    ) -> None:
        log_filter = LogFilter(
            stream=stream, level=level, text=text, since=since, since_line=since_line, tail=tail
        )
        function(*arguments, log_filter=log_filter, **others)

    return reduce(lambda command, option: option(command), reversed(_OPTIONS), run)


@click.command("logs")
@click.argument("reference", metavar="[PROJECT|ID]", required=False, shell_complete=project_names)
@takes_log_filter
@with_project_option
def command(
    session: Session,
    *,
    reference: str | None,
    is_followed: bool,
    log_filter: LogFilter,
) -> None:
    """
    Show build and application logs.

    By default, the command shows the logs of the active deployment or, if there is none, of the
    latest deployment. Pass the name of a PROJECT, or the ID of a deployment. Times are in UTC
    unless they have an offset. On a terminal, colored output of programs stays colored. With
    --follow and --json, each line of the output is a JSON object in the format of the API. With
    --follow, the command exits when the deployment has ended and its log is complete.

    Example: pushpaka logs shop --follow --since 1h --stream stderr
    """
    show_log(session, _deployment(session, reference).id, log_filter, is_followed=is_followed)


def show_log(
    session: Session, deployment_id: UUID, log_filter: LogFilter, *, is_followed: bool
) -> None:
    """Print the log of a deployment, and keep printing new lines if *is_followed* is True."""
    show = _follow if is_followed else _show
    show(session, deployment_id, log_filter)


def _deployment(session: Session, reference: str | None) -> "DeploymentResponse":
    """
    Return the current deployment of the project *reference*, or else the deployment with that id.

    If the option `--project` is used, *reference* is the id of a deployment.
    """
    if reference is None or session.named_project is not None:
        return active_or_latest_deployment(session, reference)
    try:
        return active_or_latest_deployment(evolve(session, named_project=reference), None)
    except NoMatchError:
        if not _ID.fullmatch(reference):
            raise
    return find_deployment(session, reference)


def _show(session: Session, deployment_id: UUID, log_filter: LogFilter) -> None:
    listing = session.client.logs.list(
        deployment_id,
        stream=log_filter.stream,
        level=log_filter.level,
        q=log_filter.text,
        after=log_filter.since_line,
    )
    lines = _last_lines(log_filter.filter_lines(listing.data), log_filter.tail)
    if session.output.is_json:
        session.output.json({"data": lines})
        return
    for line in lines:
        _print(session, line)


def _follow(session: Session, deployment_id: UUID, log_filter: LogFilter) -> None:
    server = session.server
    try:
        with create_client(
            server.url, require_token(server), retry_seconds=_RETRY_SECONDS
        ) as client:
            for line in log_filter.follow(client.logs, deployment_id):
                _print(session, line)
            deployment = client.deployments.get(deployment_id)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    session.output.message(f"End of the log: {short_id(deployment)} is {deployment.status}.")


def _last_lines(
    lines: Iterable[DeploymentLogResponse], limit: int | None
) -> Sequence[DeploymentLogResponse]:
    return list(lines) if limit is None else list(deque(lines, maxlen=limit))


def _print(session: Session, line: DeploymentLogResponse) -> None:
    if session.output.is_json:
        click.echo(as_json(line, indent=None))
        return
    message = terminal_safe(line.message, keeps_colors=has_colors())
    phase = escape_control(line.phase)
    click.echo(f"{line.created_at:%H:%M:%S} {phase:{PHASE_WIDTH}} | {message}", color=True)
