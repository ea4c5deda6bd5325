"""The command `pushpaka env`."""

from collections.abc import Mapping

import click

from pushpaka_core.domain.projects.env_vars import EnvScope
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.assignments import read_assignments, read_file
from pushpaka_http.cli.ui.env_files import names_as_env, read_env
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns

_COLUMNS: Columns = {"Name": "key", "Scope": "scope", "Updated": "updated_at"}

_scope_option = click.option(
    "--scope",
    type=choice_of(EnvScope),
    default=EnvScope.ALL.value,
    show_default=True,
    help="Deployments that receive the variables.",
)


@click.group("env", cls=ListingGroup)
def command() -> None:
    """
    List, set and remove environment variables.

    Values are encrypted, passed to deployments, and never shown again. Without a subcommand, list
    the names.
    """


@command.command("list")
@with_project_option
def list_(session: Session) -> None:
    """
    List the names of the environment variables.

    Example: pushpaka env list
    """
    found = session.client.env.list(project_id=session.project.id)
    session.output.table(
        found,
        _COLUMNS,
        empty_message="There are no environment variables. Run: pushpaka env set NAME=VALUE",
    )


@command.command("set")
@click.argument("variables", nargs=-1, required=True, metavar="NAME=VALUE...")
@_scope_option
@with_project_option
def set_(session: Session, *, variables: tuple[str, ...], scope: str) -> None:
    """
    Set environment variables, all of them or none.

    To keep a value out of the shell history, use "-" or "@FILE" as VALUE. "-" asks for the value
    without showing it, or reads it from stdin if stdin is not a terminal. "@FILE" reads it from a
    file.

    Example: pushpaka env set LOG_LEVEL=info API_KEY=- <key.txt
    """
    _set(session, read_assignments(variables), scope)


@command.command("unset")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--scope",
    type=choice_of(EnvScope),
    help="Delete from this scope only. Default: all scopes.",
)
@with_project_option
def unset(session: Session, *, names: tuple[str, ...], scope: str | None) -> None:
    """
    Delete environment variables.

    If one of the variables is not set, none is deleted.

    Example: pushpaka env unset API_KEY
    """
    project = session.project
    found = session.client.env.list(project_id=project.id).data
    known = {each.key: each for each in found if scope in {None, each.scope}}.values()
    for name in names:
        find_one(known, name, "key", noun="environment variable")
    for name in names:
        result = session.client.env.delete(project_id=project.id, key=name, scope=scope)
        session.output.result(result, f"Deleted {name} from {project.name}.")
    _suggest_next_step(session)


@command.command("import")
@click.argument("file", default=".env")
@_scope_option
@with_project_option
def import_(session: Session, *, file: str, scope: str) -> None:
    """
    Set environment variables from a file.

    FILE defaults to `.env`; use "-" for stdin. Quotes, comments, multiline values and "export"
    work as in shells.

    Example: pushpaka env import .env.production --scope production
    """
    _set(session, read_env(read_file(file), file), scope)


@command.command("pull-names")
@with_project_option
def pull_names(session: Session) -> None:
    """
    Print the names of all environment variables as a .env file.

    The values are empty: use the file as a template for a local environment.

    Example: pushpaka env pull-names >.env
    """
    found = session.client.env.list(project_id=session.project.id)
    session.output.result(found, names_as_env(env_var.key for env_var in found.data).rstrip())


def _set(session: Session, variables: Mapping[str, str], scope: str) -> None:
    project = session.project
    if not variables:
        raise click.UsageError(
            "The file contains no environment variables. Write one NAME=VALUE per line."
        )
    changed = session.client.env.set_many(project.id, variables=variables, scope=scope)
    session.output.result(changed, f"Set {', '.join(variables)} in {project.name}.")
    _suggest_next_step(session)


def _suggest_next_step(session: Session) -> None:
    is_deployed = session.project.current_deployment_id is not None
    session.output.next_step("pushpaka redeploy" if is_deployed else "pushpaka deploy")
