"""The setup and error handling of commands that call a server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
from attrs import evolve, frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.errors import PushpakaError
from pushpaka_http.cli.auth.clients import PROJECT, ClientSettings, create_client
from pushpaka_http.cli.auth.servers import Server, require_token, selected_server
from pushpaka_http.cli.commands.error_output import print_error
from pushpaka_http.cli.commands.options import (
    context_option,
    json_option,
    project_argument,
    project_option,
)
from pushpaka_http.cli.commands.project_choice import find_project
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.cli.ui.output import Output

if TYPE_CHECKING:
    from pushpaka_http.client import Client
    from pushpaka_http.schemas.lists import ListResponse
    from pushpaka_http.schemas.projects import ProjectResponse


class _HasProject(Protocol):
    @property
    def project_id(self) -> ProjectId: ...


OfProject = TypeVar("OfProject", bound=_HasProject)


@frozen(kw_only=True)
class Session:
    """The signed-in client, the project and the output of a command that calls a server."""

    client: "Client"
    server: Server
    output: Output
    named_project: str | None = None
    """The project that the command line names."""
    default_project: str | None = None
    """The project that PUSHPAKA_PROJECT names."""

    @cached_property
    def project(self) -> "ProjectResponse":
        """
        Return the project that the command refers to.

        Raises:
            NoMatchError: If there is no such project, or several match.
        """
        if self.named_project is not None or self.default_project is None:
            return find_project(self.client, self.named_project)
        try:
            return find_project(self.client, self.default_project)
        except NoMatchError as error:
            raise NoMatchError(f"{error} The name comes from {PROJECT}.") from None


def with_session(function: Callable[..., None]) -> Callable[..., None]:
    """
    Decorate a command that calls a server. The command gets a `Session`, and exits with code 1 on
    errors.
    """

    @context_option
    @json_option
    @wraps(function)
    def run(
        *,
        context: str | None,
        is_json: bool,
        named_project: str | None = None,
        project_argument: str | None = None,
        **arguments: Any,
    ) -> None:
        if named_project and project_argument:
            raise click.UsageError(
                "PROJECT cannot be combined with --project. Leave one of them out."
            )
        output, settings = Output(is_json), ClientSettings.from_environ()
        with exit_on_error(output):
            server = selected_server(context, settings)
            with create_client(server.url, require_token(server)) as client:
                session = Session(
                    client=client,
                    server=server,
                    output=output,
                    named_project=project_argument or named_project,
                    default_project=settings.project,
                )
                function(session, **arguments)

    return run


def with_project_option(function: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command with the option `--project`, which sets `session.project`."""
    return project_option(with_session(function))


def with_project_argument(function: Callable[..., None]) -> Callable[..., None]:
    """
    Decorate a command with the argument PROJECT and the option `--project`, which both set
    `session.project`.
    """
    return project_argument(with_project_option(function))


def filter_by_project(
    session: Session, listing: "ListResponse[OfProject]"
) -> "ListResponse[OfProject]":
    """Return the items of *listing* that belong to the current project."""
    project_id = session.project.id
    return evolve(listing, data=[each for each in listing.data if each.project_id == project_id])


@contextmanager
def exit_on_error(output: Output) -> Iterator[None]:
    """If the block raises a `PushpakaError`, print it and exit with code 1."""
    try:
        yield
    except PushpakaError as error:
        print_error(error, output)
        raise click.exceptions.Exit(1) from None
