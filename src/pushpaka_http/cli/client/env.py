"""`pushpaka env`."""

from collections.abc import Mapping

import click

from pushpaka_core.domain.env_vars import EnvScope
from pushpaka_http.cli.client.assignments import read_assignments, read_file
from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.env_files import names_as_env, read_env
from pushpaka_http.cli.client.options import choice_of
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.session import Session, in_project

_COLUMNS: Columns = {"Name": "key", "Scope": "scope", "Set": "updated_at"}

_scope_option = click.option(
    "--scope",
    type=choice_of(EnvScope),
    default=EnvScope.ALL.value,
    show_default=True,
    help="Which deployments get it.",
)


@click.group("env")
def command() -> None:
    """
    Set the env vars of a project.

    What is set is encrypted and given to deployments; nobody, you included, sees a value again.
    """


@command.command("list")
@in_project
def list_(session: Session) -> None:
    """
    List the names of the env vars.

    Example: pushpaka env list
    """
    found = session.client.env.list(project_id=session.project.id)
    session.output.table(found, _COLUMNS, empty="There is no env var. Run: pushpaka env set A=1")


@command.command("set")
@click.argument("variables", nargs=-1, required=True, metavar="NAME=VALUE...")
@_scope_option
@in_project
def set_(session: Session, *, variables: tuple[str, ...], scope: str) -> None:
    """
    Set env vars, all at once or none.

    "-" as a VALUE is read from the input and "@FILE" from a file, so that it is in no history
    of a shell.

    Example: pushpaka env set LOG_LEVEL=info API_KEY=- <key.txt
    """
    _set(session, read_assignments(variables), scope)


@command.command("unset")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--scope", type=choice_of(EnvScope), help="Only this one; else all.")
@in_project
def unset(session: Session, *, names: tuple[str, ...], scope: str | None) -> None:
    """
    Delete env vars, or none if one of them is not set.

    Example: pushpaka env unset API_KEY
    """
    project = session.project
    found = session.client.env.list(project_id=project.id).data
    known = {each.key: each for each in found if scope in {None, each.scope}}.values()
    for name in names:
        the_one(known, name, "key", what="env var")
    for name in names:
        gone = session.client.env.delete(project_id=project.id, key=name, scope=scope)
        session.output.result(gone, f"{name} is not set in {project.name} any more.")
    _suggest(session)


@command.command("import")
@click.argument("file", default=".env")
@_scope_option
@in_project
def import_(session: Session, *, file: str, scope: str) -> None:
    """
    Set all env vars of a file.

    FILE is `.env` unless another is named, "-" being the input. Quotes, comments, values of
    several lines and "export" are understood as in shells.

    Example: pushpaka env import .env.production --scope production
    """
    _set(session, read_env(read_file(file), file), scope)


@command.command("pull-names")
@in_project
def pull_names(session: Session) -> None:
    """
    Print a NAME= for each env var, without a value.

    It is what a file for your own machine begins with.

    Example: pushpaka env pull-names >.env
    """
    found = session.client.env.list(project_id=session.project.id)
    session.output.result(found, names_as_env(env_var.key for env_var in found.data).rstrip())


def _set(session: Session, variables: Mapping[str, str], scope: str) -> None:
    project = session.project
    if not variables:
        raise click.UsageError("There is no env var in it.")
    changed = session.client.env.set_many(project.id, variables=variables, scope=scope)
    session.output.result(changed, f"Set in {project.name}: {', '.join(variables)}.")
    _suggest(session)


def _suggest(session: Session) -> None:
    is_deployed = session.project.current_deployment_id is not None
    session.output.next_step("pushpaka redeploy" if is_deployed else "pushpaka deploy")
