"""How a command ends that was asked for what cannot be done."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from pushpaka_core.errors import PushpakaError


class RefusedError(click.ClickException):
    """Ends the command with a sentence and exit code 2: another input is needed."""

    exit_code = 2


@contextmanager
def refused(*errors: type[PushpakaError]) -> Iterator[None]:
    """Let *errors* be the fault of what was asked for."""
    try:
        yield
    except errors as error:
        raise RefusedError(str(error)) from None
