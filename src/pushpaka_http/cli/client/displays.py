"""How a deployment that is followed is shown: as plain lines, and for programs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import click
from attrs import frozen

from pushpaka_http.cli.client.following import Outcome, Step
from pushpaka_http.cli.client.output import as_json, harmless, in_lines
from pushpaka_http.cli.client.printable import printable
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse

PHASE_WIDTH = 7
"""Of the longest name of a phase."""


class Display(Protocol):
    """Where whoever follows a deployment sees what becomes of it."""

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show what goes on as long as the block lasts."""
        ...

    def step(self, step: Step) -> None:
        """Show that a step has begun or, told again, that it has ended."""
        ...

    def line(self, line: DeploymentLogResponse) -> None:
        """Show a line of the log."""
        ...

    def end(self, deployment: DeploymentResponse, outcome: Outcome, address: str) -> None:
        """Show what has become of it, and where it answers if it does."""
        ...


def fitting_display(*, is_json: bool) -> Display:
    """Return the display for whoever reads the output."""
    if is_json:
        return JsonDisplay()
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return PlainDisplay()
    from pushpaka_http.cli.client.terminal_display import TerminalDisplay

    return TerminalDisplay()


@frozen
class PlainDisplay:
    """Lines of text, for files and pipes; only the address goes to the output."""

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Have nothing to open."""
        yield

    def step(self, step: Step) -> None:
        """Say of a step how long it took."""
        if step.took is not None:
            self._say(f"{step.name:{PHASE_WIDTH}} | took {step.took}")

    def line(self, line: DeploymentLogResponse) -> None:
        """Show a line without colours."""
        self._say(f"{harmless(line.phase):{PHASE_WIDTH}} | {printable(line.message)}")

    def end(self, deployment: DeploymentResponse, outcome: Outcome, address: str) -> None:
        """Say it in words, the reason last."""
        del deployment
        for text in ending(outcome):
            self._say(text)
        if outcome.runs:
            click.echo(harmless(address))

    def _say(self, text: str) -> None:
        click.echo(text, err=True)


@frozen
class JsonDisplay:
    """An object of JSON for each thing, each in a line of its own."""

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Have nothing to open."""
        yield

    def step(self, step: Step) -> None:
        """Print a step when it begins."""
        if step.is_new:
            self._print("event", step.event)

    def line(self, line: DeploymentLogResponse) -> None:
        """Print a line as the API has it."""
        self._print("line", line)

    def end(self, deployment: DeploymentResponse, outcome: Outcome, address: str) -> None:
        """Print the deployment as it is now."""
        del outcome, address
        self._print("deployment", deployment)

    def _print(self, kind: str, thing: Any) -> None:
        click.echo(as_json({"type": kind, kind: thing}, indent=None))


def ending(outcome: Outcome) -> Iterator[str]:
    """Yield what is said at the end: the lines that tell why, the reason, and what to do."""
    yield from (f"  {printable(line)}" for line in outcome.lines)
    yield in_lines(outcome.sentence)
    if outcome.advice:
        yield outcome.advice
