"""Shows the progress of a copy on the terminal."""

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from pushpaka_http.cli.ui.counts import format_size
from pushpaka_http.cli.ui.output import Output

T = TypeVar("T")

_CLEAR_LINE = "\r\x1b[K"
_WAIT_SECONDS = 30
_WAIT_SECONDS_ON_TERMINAL = 1


def follow_copy(
    output: Output,
    fetch: Callable[[int], T],
    *,
    is_running: Callable[[T], bool],
    figures: Callable[[T], tuple[int | None, int | None]],
) -> T:
    """
    Wait for a copy, and show its progress if stderr is a terminal.

    Args:
        output: The output of the command.
        fetch: Returns the copy once it has ended, or after the given number of seconds.
        is_running: Returns True until the copy has ended.
        figures: Returns the bytes that are done, and their total. Both can be unknown.
    """
    is_shown = sys.stderr.isatty() and not output.is_json
    seconds = _WAIT_SECONDS_ON_TERMINAL if is_shown else _WAIT_SECONDS
    while is_running(copy := fetch(seconds)):
        if is_shown:
            click.echo(f"{_CLEAR_LINE}{progress_text(*figures(copy))}", nl=False, err=True)
    if is_shown:
        click.echo(_CLEAR_LINE, nl=False, err=True)
    return copy


def progress_text(done: int | None, total: int | None) -> str:
    """Return the progress of a copy as text, such as "42 % (4.2 MB of 10.0 MB)"."""
    if done is None:
        return "Waiting for a worker"
    if not total:
        return format_size(done)
    return f"{100 * done // total} % ({format_size(done)} of {format_size(total)})"
