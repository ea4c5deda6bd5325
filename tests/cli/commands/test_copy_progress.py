"""The progress of snapshots and restores in the terminal."""

import sys
from collections.abc import Sequence
from io import StringIO

import pytest
from attrs import frozen

from pushpaka_http.cli.ui.copy_progress import follow_copy, progress_text
from pushpaka_http.cli.ui.output import Output


class Terminal(StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@frozen
class Copy:
    """A copy as the API shows it."""

    done: int | None
    total: int | None
    is_running: bool = True


COPIES = [Copy(None, None), Copy(4_200_000, 10_000_000), Copy(None, None, is_running=False)]


def follow(output: Output, copies: Sequence[Copy]) -> tuple[Copy, list[int]]:
    """Follow a copy. Return its last state, and how many seconds each request may wait."""
    left, waits = list(copies), []

    def fetch(seconds: int) -> Copy:
        waits.append(seconds)
        return left.pop(0)

    copy = follow_copy(
        output,
        fetch,
        is_running=lambda copy: copy.is_running,
        figures=lambda copy: (copy.done, copy.total),
    )
    return copy, waits


def test_terminals_show_the_progress_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is overwritten by each update, and removed at the end."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    copy, waits = follow(Output(), COPIES)

    assert (COPIES[-1], [1, 1, 1]) == (copy, waits)
    lines = terminal.getvalue().split("\r\x1b[K")
    assert ["", "Waiting for a worker", "42 % (4.2 MB of 10.0 MB)", ""] == lines


@pytest.mark.parametrize("is_json", [False, True])
def test_other_outputs_only_wait(monkeypatch: pytest.MonkeyPatch, *, is_json: bool) -> None:
    """Scripts get neither the progress nor a request per second."""
    stderr = Terminal() if is_json else StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)

    _, waits = follow(Output(is_json), COPIES)

    assert ([30, 30, 30], "") == (waits, stderr.getvalue())


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (None, None, "Waiting for a worker"),
        (1500, None, "1.5 kB"),
        (0, 0, "0 B"),
        (10, 10, "100 % (10 B of 10 B)"),
    ],
)
def test_progress_is_a_share_if_the_total_is_known(
    done: int | None, total: int | None, text: str
) -> None:
    assert text == progress_text(done, total)
