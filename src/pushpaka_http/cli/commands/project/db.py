"""The command `pushpaka db`."""

from typing import TYPE_CHECKING

import click
from attrs import evolve

from pushpaka_core.domain.databases.databases import DEFAULT_ENV_NAME, DEFAULT_NAME
from pushpaka_core.domain.volumes.servers import DatabaseKind
from pushpaka_http.cli.commands.deploy.logs import LogFilter, show_log, takes_log_filter
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.project.database_start import starts_server
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, yes_option

if TYPE_CHECKING:
    from pushpaka_http.schemas.databases import DatabaseResponse

_MEBIBYTE = 2**20


def _size(database: "DatabaseResponse") -> str | None:
    used = database.used_bytes
    return None if used is None else f"{used / _MEBIBYTE:.1f} MiB"


_COLUMNS: Columns = {
    "Name": "name",
    "Kind": lambda database: f"{database.kind.display_name} {database.version}",
    "Status": "status",
    "Variable": "env_name",
    "Size": _size,
    "Kept until": "purge_after",
}
_FIELDS: Columns = {
    **_COLUMNS,
    "Node": "node",
    "Deployment": "deployment_id",
    "Error": "error",
    "Id": "id",
}


@click.group("db", cls=ListingGroup)
def command() -> None:
    """
    Create and manage databases.

    Without a subcommand, list them.
    """


@command.command("list")
@click.option(
    "--detached", "is_detached", is_flag=True, help="List the detached databases of all projects."
)
@with_project_option
def list_(session: Session, *, is_detached: bool = False) -> None:
    """
    List the databases of a project.

    Example: pushpaka db list
    """
    listing = session.client.databases.list()
    chosen = [
        one
        for one in listing.data
        if (one.detached_at is not None if is_detached else one.project_id == session.project.id)
    ]
    session.output.table(
        evolve(listing, data=chosen), _COLUMNS, empty_message="There are no databases."
    )


@command.command("info")
@click.argument("database", default=DEFAULT_NAME)
@with_project_option
def info(session: Session, *, database: str) -> None:
    """
    Show DATABASE, its status and its size.

    DATABASE is a name or an id, by default "main".

    Example: pushpaka db info
    """
    found = session.client.databases.get(_find_database(session, database).id)
    session.output.fields(found, _FIELDS)
    if found.deployment_id is not None:
        session.output.next_step(f"pushpaka db logs {found.name}")


@command.command("create")
@click.argument("name", default=DEFAULT_NAME)
@click.option(
    "--kind",
    type=choice_of(DatabaseKind),
    default=DatabaseKind.POSTGRES.value,
    show_default=True,
    help="Kind of server.",
)
@click.option("--version", metavar="MAJOR", help="Major version of the server, for example 17.")
@click.option(
    "--env-name",
    metavar="VARIABLE",
    default=DEFAULT_ENV_NAME,
    show_default=True,
    help="Environment variable that receives the URL of the database.",
)
@click.option("--size-limit", type=int, metavar="MIB", help="Maximum size of the data, in MiB.")
@starts_server(sets_variable=True)
def create(
    session: Session,
    *,
    name: str,
    kind: str,
    version: str | None,
    env_name: str,
    size_limit: int | None,
) -> "DatabaseResponse":
    """
    Create the database NAME, by default "main".

    The command follows the start of the server. The next production deployment of the project gets
    the URL of the database.

    With --json, the lines of the output are those of `pushpaka deploy --json`, and the last one is
    an object with the "type" "database". With --detach, only the database is printed.

    Example: pushpaka db create
    """
    return session.client.databases.create(
        project_id=session.project.id,
        name=name,
        kind=kind,
        version=version,
        env_name=env_name,
        size_limit=size_limit,
    )


@command.command("restart")
@click.argument("database", default=DEFAULT_NAME)
@starts_server(sets_variable=False)
def restart(session: Session, *, database: str) -> "DatabaseResponse":
    """
    Restart the server of DATABASE, or start it again.

    The command follows the start of a server that was stopped or could not be started. DATABASE is
    a name or an id, by default "main". Apps lose their connections.

    Example: pushpaka db restart
    """
    found = _find_database(session, database, is_detached=False)
    return session.client.databases.restart(found.id)


@command.command("logs")
@click.argument("database", default=DEFAULT_NAME)
@takes_log_filter
@with_project_option
def logs(session: Session, *, database: str, is_followed: bool, log_filter: LogFilter) -> None:
    """
    Show the log of the server of DATABASE.

    DATABASE is a name or an id, by default "main".

    Example: pushpaka db logs --follow --tail 20
    """
    found = _find_database(session, database, is_detached=False)
    if found.deployment_id is None:
        raise NoMatchError(
            f"{found.name} has no log. Start its server: pushpaka db restart {found.name}"
        )
    show_log(session, found.deployment_id, log_filter, is_followed=is_followed)


@command.command("detach")
@click.argument("database")
@with_project_option
def detach(session: Session, *, database: str) -> None:
    """
    Stop the server of DATABASE, and keep its data for 7 days.

    Running apps lose their connections. DATABASE is a name or an id.

    Example: pushpaka db detach main
    """
    found = _find_database(session, database, is_detached=False)
    detached = session.client.databases.detach(found.id)
    session.output.result(detached, f"Detached {found.name}. {detached.message}")
    session.output.next_step(f"pushpaka db attach {found.name}")


@command.command("attach")
@click.argument("database")
@starts_server(sets_variable=True)
def attach(session: Session, *, database: str) -> "DatabaseResponse":
    """
    Attach the detached DATABASE to a project, and start its server.

    DATABASE is the name or the ID of one of your detached databases.

    Example: pushpaka db attach main
    """
    found = _find_database(session, database, is_detached=True)
    project = session.project
    project_id = None if found.project_id == project.id else project.id
    return session.client.databases.attach(found.id, project_id=project_id)


@command.command("purge")
@click.argument("database")
@yes_option
@with_project_option
def purge(session: Session, *, database: str, is_confirmed: bool) -> None:
    """
    Delete the detached DATABASE with its data.

    The data cannot be restored.

    Example: pushpaka db purge main
    """
    found = _find_database(session, database, is_detached=True)
    confirm("database", found.name, is_confirmed=is_confirmed)
    purged = session.client.databases.purge(found.id, name=found.name)
    session.output.result(purged, f"Deleted {found.name} and its data.")


def _find_database(
    session: Session, database: str, *, is_detached: bool | None = None
) -> "DatabaseResponse":
    """
    Return a database of the project, or a detached one of a deleted project, by its name or id.

    Args:
        session: The session of the command.
        database: The name or the id.
        is_detached: Whether the database must be detached. If None, it can be either.

    Raises:
        NoMatchError: If there is no such database, or several match.
    """
    candidates = [
        one
        for one in session.client.databases.list().data
        if is_detached is None or (one.detached_at is not None) is is_detached
    ]
    if by_id := [one for one in candidates if str(one.id) == database]:
        return by_id[0]
    own = [one for one in candidates if one.project_id in {session.project.id, None}]
    if is_detached is None and any(one.detached_at is None for one in own if one.name == database):
        own = [one for one in own if one.detached_at is None]
    return find_one(own, database, "name", noun="detached database" if is_detached else "database")
