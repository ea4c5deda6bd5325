"""The terminal display of a deployment that a command follows."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from attrs import define, field
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from pushpaka_http.cli.ui.output import escape_control, escape_lines, terminal_safe
from pushpaka_http.cli.ui.progress import PHASE_WIDTH, HeldLines, Outcome, Step, result_lines
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse


@define
class TerminalDisplay:
    """Shows the log above a table of phases with their durations."""

    _console: Console = field(factory=lambda: Console(stderr=True, highlight=False))
    _progress: Progress = field(init=False)
    _rows: dict[object, TaskID] = field(factory=dict, init=False)
    _held_lines: HeldLines = field(factory=HeldLines, init=False)

    @_progress.default
    def _new_progress(self) -> Progress:
        return Progress(
            _ResultColumn(),
            TextColumn("{task.description:8}"),
            _DurationColumn(),
            console=self._console,
        )

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Update the durations while the block runs."""
        with self._progress:
            yield

    def step(self, step: Step) -> None:
        """Add a row for a new step, or complete the row of a step that has ended."""
        if step.is_final:
            return
        if step.is_new:
            self._print_lines(self._held_lines.release())
        row = self._rows.get(step.event.id)
        if row is None:
            row = self._progress.add_task(step.name, total=1, took=None, mark="")
            self._rows[step.event.id] = row
        if step.duration is not None:
            mark = "[red]✗[/]" if step.is_failed else "[green]✓[/]"
            self._progress.update(row, completed=1, took=step.duration, mark=mark)

    def line(self, line: DeploymentLogResponse) -> None:
        """
        Print a line with its colors, which are reset at the end. The reason for a failure is only
        printed with the result.
        """
        self._print_lines(self._held_lines.add(line))

    def result(self, deployment: DeploymentResponse, outcome: Outcome, address: str | None) -> None:
        """Print the result as text. Also print the URL to stdout, unless stdout is a terminal."""
        del deployment
        self._print_lines(self._held_lines.release(outcome.sentence))
        style = "bold green" if outcome.runs else "bold red"
        for text in result_lines(outcome, address):
            is_main = text.startswith((escape_lines(outcome.sentence), "Live at ", "Running "))
            self._console.print(Text(text, style if is_main else ""), soft_wrap=True)
        if outcome.runs and address and not sys.stdout.isatty():
            click.echo(escape_control(address))

    def _print_lines(self, lines: Iterable[DeploymentLogResponse]) -> None:
        for line in lines:
            text = terminal_safe(line.message, keeps_colors=not self._console.no_color)
            phase = (f"{escape_control(line.phase):{PHASE_WIDTH}} │ ", "cyan")
            self._console.print(Text.assemble(phase, Text.from_ansi(text)), soft_wrap=True)


class _ResultColumn(SpinnerColumn):
    """A column with a spinner, which is replaced with the result when the step has ended."""

    def render(self, task: Task) -> Any:
        return Text.from_markup(task.fields["mark"]) if task.finished else super().render(task)


class _DurationColumn(ProgressColumn):
    """A column with the elapsed time, or with the duration of a step that has ended."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["took"] or f"{task.elapsed or 0:.1f} s")
