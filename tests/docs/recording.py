"""
Records `pushpaka demo` in a terminal and draws it: `python -m tests.docs.recording FILE`.

The drawing is an animated SVG in which each line appears when it was printed.
"""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from fcntl import ioctl
from html import escape
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ
from time import monotonic
from typing import TypeAlias

from attrs import evolve, frozen

COMMAND = ("pushpaka", "demo", "--once")
_PACKAGE = re.compile(r"\w+ +│  \+ ")
"""A line that names an installed package. All such lines are drawn as one line with `…`."""
_COLUMNS, _ROWS = 96, 60
_LINE_HEIGHT, _MARGIN, _BAR, _CHARACTER = 19, 18, 36, 8.1
_HOLD_SECONDS = 0.6
"""The time between the command and the first line of the output."""
_TOKEN = re.compile(
    r"\x1b\[(?P<argument>[\d;?]*)(?P<code>[A-Za-z])|(?P<text>[^\x1b\r\n]+)|(?P<end>\n)"
)
_DIRECTORY = re.compile(r"/\S*?/pushpaka-demo[^/\s]*")
_COMMIT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28}\b")
_COLORS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff"}
_STYLE = """
  text { font: 13.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  text { fill: #e6edf3; white-space: pre; }
  .dim { fill: #8b949e; } .bold { font-weight: 600; }
  .line { animation: appear 1ms both; }
  @keyframes appear { from { opacity: 0; } to { opacity: 1; } }
  @media (prefers-reduced-motion: reduce) { .line { animation: none; } }
"""

Read: TypeAlias = tuple[float, str]
"""The seconds since the start, and the output at that time."""


@frozen
class Span:
    """A part of a line with the same SGR codes."""

    text: str
    codes: frozenset[str]


@frozen
class Line:
    """A line of the terminal, and when the line was last printed."""

    seconds: float = 0.0
    spans: Sequence[Span] = ()

    @property
    def text(self) -> str:
        """Return the line without colors."""
        return "".join(span.text for span in self.spans)


def record(command: Sequence[str]) -> Iterator[Read]:
    """Run *command* in a separate terminal, and yield the output as it is printed."""
    controller, terminal = pty.openpty()
    ioctl(terminal, TIOCSWINSZ, pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS)}
    start = monotonic()
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=env):
        os.close(terminal)
        with os.fdopen(controller, encoding="utf-8", newline="") as output:
            try:
                for text in iter(output.readline, ""):
                    yield monotonic() - start, text
            except OSError:  # Linux reports the end of a terminal as EIO.
                return


def lines_of(recording: Iterator[Read]) -> Sequence[Line]:
    """Return the lines that remain on the screen at the end."""
    lines, row, codes = [Line()], 0, frozenset[str]()
    for seconds, text in recording:
        for token in _TOKEN.finditer(text):
            argument = token["argument"] or ""
            match token["code"]:
                case "A":
                    row -= int(argument or 1)
                case "K":
                    lines[row] = Line()
                case "m":
                    given = set(argument.split(";")) - {"", "0"}
                    codes = codes | given if given else frozenset()
                case None if token["end"]:
                    row += 1
                    lines.extend([Line()] * (row + 1 - len(lines)))
                case None:
                    spans = (*lines[row].spans, Span(token["text"], codes))
                    lines[row] = Line(seconds, spans)
    return [line for line in lines if line.text.strip()]


def collapse_packages(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield *lines* with `…` instead of each list of installed packages."""
    was_package = False
    for line in lines:
        is_package = bool(_PACKAGE.match(line.text))
        if not is_package:
            yield line
        elif not was_package:
            yield evolve(line, spans=(line.spans[0], Span("  …", frozenset())))
        was_package = is_package


def hide_machine_details(line: Line) -> Line:
    """Shorten the directory of the demo and the commit hashes."""
    spans = [
        evolve(span, text=_COMMIT.sub(r"\1…", _DIRECTORY.sub("…", span.text)))
        for span in line.spans
    ]
    return evolve(line, spans=spans)


def draw(lines: Sequence[Line]) -> str:
    """Return an SVG of a terminal that shows *lines* below the command."""
    first = lines[0].seconds
    command = Line(0.0, (Span(f"$ {' '.join(COMMAND)}", frozenset({"1"})),))
    shown = [command, *(evolve(e, seconds=e.seconds - first + _HOLD_SECONDS) for e in lines)]
    width = round(_COLUMNS * _CHARACTER) + 2 * _MARGIN
    height = _BAR + _LINE_HEIGHT * len(shown) + _MARGIN
    buttons = "".join(
        f'<circle cx="{_MARGIN + 4 + 18 * index}" cy="18" r="5.5" fill="{color}"/>'
        for index, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    rows = "\n".join(
        f'<text class="line" x="{_MARGIN}" y="{_BAR + _LINE_HEIGHT * (number + 1) - 5}" '
        f'style="animation-delay: {line.seconds:.2f}s">{"".join(map(_tspan, line.spans))}</text>'
        for number, line in enumerate(shown)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img">\n<title>pushpaka demo in a terminal</title>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>\n{buttons}\n'
        f"{rows}\n</svg>\n"
    )


def _tspan(span: Span) -> str:
    names = [name for name, code in (("bold", "1"), ("dim", "2")) if code in span.codes]
    colors = [color for code, color in _COLORS.items() if code in span.codes]
    style = f' style="fill: {colors[0]}"' if colors else ""
    return f'<tspan class="{" ".join(names)}"{style}>{escape(span.text)}</tspan>'


if __name__ == "__main__":
    recorded = collapse_packages(lines_of(record(COMMAND)))
    Path(sys.argv[1]).write_text(draw([hide_machine_details(line) for line in recorded]))
