"""Displays that show the progress of a deployment as plain text or JSON."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import click
from attrs import define, field, frozen

from pushpaka_http.cli.ui.output import as_json, escape_control, terminal_safe
from pushpaka_http.cli.ui.progress import PHASE_WIDTH, HeldLines, Outcome, Step, result_lines
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse


class Display(Protocol):
    """Shows the progress of a deployment that a command follows."""

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show the progress while the block runs."""
        ...

    def step(self, step: Step) -> None:
        """Show *step*. This method is called again with the duration when the step has ended."""
        ...

    def line(self, line: DeploymentLogResponse) -> None:
        """Show a line of the log."""
        ...

    def result(self, deployment: DeploymentResponse, outcome: Outcome, address: str | None) -> None:
        """
        Show the result of the deployment and, if it runs, *address*, the URL of the application.
        The URL is None if there is no web process.
        """
        ...


def create_display(*, is_json: bool) -> Display:
    """Return a display for JSON, for a terminal or for plain text."""
    if is_json:
        return JsonDisplay()
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return PlainDisplay()
    from pushpaka_http.cli.ui.terminal_display import TerminalDisplay

    return TerminalDisplay()


@define
class PlainDisplay:
    """Prints plain text to stderr, and the URL to stdout."""

    _held_lines: HeldLines = field(factory=HeldLines, init=False)

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Do nothing."""
        yield

    def step(self, step: Step) -> None:
        """Print a step that has ended, with a mark and its duration."""
        if step.is_new and not step.is_final:
            self._print_lines(self._held_lines.release())
        if step.duration is not None:
            self._print_to_stderr(
                f"{'✗' if step.is_failed else '✓'} {step.name:{PHASE_WIDTH}} {step.duration}"
            )

    def line(self, line: DeploymentLogResponse) -> None:
        """Print a line without colors. The reason for a failure is only printed with the result."""
        self._print_lines(self._held_lines.add(line))

    def result(self, deployment: DeploymentResponse, outcome: Outcome, address: str | None) -> None:
        """Print the result as text, with the reason at the end."""
        del deployment
        self._print_lines(self._held_lines.release(outcome.sentence))
        for text in result_lines(outcome, address):
            self._print_to_stderr(text)
        if outcome.runs and address:
            click.echo(escape_control(address))

    def _print_lines(self, lines: Iterable[DeploymentLogResponse]) -> None:
        for line in lines:
            phase = f"{escape_control(line.phase):{PHASE_WIDTH}}"
            self._print_to_stderr(f"{phase} | {terminal_safe(line.message)}")

    def _print_to_stderr(self, text: str) -> None:
        click.echo(text, err=True)


@frozen
class JsonDisplay:
    """Prints JSON objects to stdout, one per line."""

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Do nothing."""
        yield

    def step(self, step: Step) -> None:
        """Print a new step."""
        if step.is_new:
            self._print("event", step.event)

    def line(self, line: DeploymentLogResponse) -> None:
        """Print a line as the API returns it."""
        self._print("line", line)

    def result(self, deployment: DeploymentResponse, outcome: Outcome, address: str | None) -> None:
        """Print the deployment in its current state."""
        del outcome, address
        self._print("deployment", deployment)

    def _print(self, object_type: str, value: Any) -> None:
        click.echo(as_json({"type": object_type, object_type: value}, indent=None))
