"""Errors that end a command."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from pushpaka_core.errors import PushpakaError


class NotSignedInError(PushpakaError):
    """No server is configured, or there is no token for it."""


class ContextFileError(PushpakaError):
    """The file with the contexts cannot be used."""


class ProjectLinkError(PushpakaError):
    """The link between a folder and its project cannot be read or written."""


class NoMatchError(PushpakaError):
    """A name matches nothing, or is ambiguous."""


class NoWebProcessError(PushpakaError):
    """The application has no web process, and so no address."""


class NotConfirmedError(PushpakaError):
    """The user did not confirm a deletion."""


class NotVerifiedError(PushpakaError):
    """The DNS records do not prove the ownership of a domain yet."""


class InvalidInputError(click.ClickException):
    """Ends the command with a message and exit code 2: the user has to change the input."""

    exit_code = 2


@contextmanager
def as_invalid_input(*errors: type[PushpakaError]) -> Iterator[None]:
    """Convert *errors* to `InvalidInputError`."""
    try:
        yield
    except errors as error:
        raise InvalidInputError(str(error)) from None
