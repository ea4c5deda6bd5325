"""How a deployment that is followed is shown on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from attrs import define, field
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from pushpaka_core.domain.deployment_steps import ENDED_UNSERVED
from pushpaka_http.cli.client.displays import PHASE_WIDTH, ending
from pushpaka_http.cli.client.following import Outcome, Step
from pushpaka_http.cli.client.output import harmless, in_lines
from pushpaka_http.cli.client.printable import printable
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse


@define
class TerminalDisplay:
    """The phases with their times, and above them the log as it comes."""

    _console: Console = field(factory=lambda: Console(stderr=True, highlight=False))
    _progress: Progress = field(init=False)
    _rows: dict[object, TaskID] = field(factory=dict, init=False)

    @_progress.default
    def _new_progress(self) -> Progress:
        return Progress(
            _Mark(), TextColumn("{task.description:8}"), _Elapsed(), console=self._console
        )

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Keep the times running."""
        with self._progress:
            yield

    def step(self, step: Step) -> None:
        """Begin a row, or end it."""
        if step.is_end:
            if step.event.status in ENDED_UNSERVED and self._rows:
                self._progress.update(list(self._rows.values())[-1], mark="[red]✗[/]")
            return
        row = self._rows.get(step.event.id)
        if row is None:
            row = self._progress.add_task(step.name, total=1, took=None, mark="[green]✓[/]")
            self._rows[step.event.id] = row
        if step.took is not None:
            self._progress.update(row, completed=1, took=step.took)

    def line(self, line: DeploymentLogResponse) -> None:
        """Show a line with its colours, which end with it."""
        text = printable(line.message, in_colours=not self._console.no_color)
        phase = (f"{harmless(line.phase):{PHASE_WIDTH}} │ ", "cyan")
        self._console.print(Text.assemble(phase, Text.from_ansi(text)), soft_wrap=True)

    def end(self, deployment: DeploymentResponse, outcome: Outcome, address: str) -> None:
        """Say it in words, the reason last."""
        del deployment
        style = "bold green" if outcome.runs else "bold red"
        for text in ending(outcome):
            is_main = text.startswith(in_lines(outcome.sentence))
            self._console.print(Text(text, style if is_main else ""), soft_wrap=True)
        if outcome.runs:
            click.echo(harmless(address))


class _Mark(SpinnerColumn):
    """Turns, until it tells how a step has ended."""

    def render(self, task: Task) -> Any:
        return Text.from_markup(task.fields["mark"]) if task.finished else super().render(task)


class _Elapsed(ProgressColumn):
    """The time so far, or the time that it took."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["took"] or f"{task.elapsed or 0:.1f} s")
