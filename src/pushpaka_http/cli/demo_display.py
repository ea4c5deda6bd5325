"""How the demo looks: lively in a terminal, plain lines elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import define, field
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from pushpaka_http.schemas.deployments import TimelineEventResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse

_STYLES = {"system": "bold", "stdout": "", "stderr": "dim"}


@define
class Display:
    """Shows a log line by line, above the phases with the time that each has taken so far."""

    _console: Console = field(factory=lambda: Console(highlight=False))
    _progress: Progress = field(init=False)
    _rows: dict[str, TaskID] = field(factory=dict, init=False)
    last_seq: int = field(default=0, init=False)
    """The newest line that was shown."""

    @_progress.default
    def _new_progress(self) -> Progress:
        return Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:8}"),
            TextColumn("{task.elapsed:5.1f} s"),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def say(self, text: str, style: str = "") -> None:
        """Show a sentence of our own."""
        self._console.print(Text(text, style), soft_wrap=True)

    @contextmanager
    def progressing(self) -> Iterator[None]:
        """Show the phases as long as the block lasts."""
        with self._progress:
            yield
            self._finish_rows()

    def show(self, line: DeploymentLogResponse) -> None:
        """Show a line of the log, once."""
        if line.seq <= self.last_seq:
            return
        self.last_seq = line.seq
        if line.phase not in self._rows:
            self._finish_rows()
            self._rows[line.phase] = self._progress.add_task(line.phase, total=1)
        phase, message = (f"{line.phase:6} │ ", "cyan"), (line.message, _STYLES[line.stream])
        self._console.print(Text.assemble(phase, message), soft_wrap=True)

    def summarise(self, steps: Sequence[TimelineEventResponse]) -> None:
        """Say how long each step took."""
        took = [
            f"{step.phase or step.status} {step.duration_ms / 1000:.1f} s"
            for step in steps
            if step.duration_ms is not None
        ]
        self.say(", ".join(took), "dim")

    def _finish_rows(self) -> None:
        for row in self._rows.values():
            self._progress.update(row, completed=1)
            self._progress.stop_task(row)
