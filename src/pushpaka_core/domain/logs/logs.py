"""Log lines, and how output is split into lines that are safe to store and display."""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID, uuid5

from attrs import define, field, frozen

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.redaction import Redactor

MAX_LINE_LENGTH = 16 * 1024
"""The maximum length of a line in characters. Longer lines are split."""

_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
"""
Matches a line ending. A CR at the very end is not matched, because it may be the first half of a CR
LF.
"""


class LogLevel(StrEnum):
    """The severity of a line."""

    DEBUG = "debug"
    """Details for troubleshooting."""
    INFO = "info"
    """Normal progress."""
    WARN = "warn"
    """A problem that does not stop the deployment."""
    ERROR = "error"
    """Why the deployment failed."""


class LogStream(StrEnum):
    """The source of a line: the platform, or the output stream of a program."""

    SYSTEM = "system"
    """Written by Pushpaka."""
    STDOUT = "stdout"
    """Standard output of a command or of the application."""
    STDERR = "stderr"
    """Standard error of a command or of the application."""


@frozen(kw_only=True)
class LogEntry:
    """A line that has no number yet."""

    level: LogLevel = LogLevel.INFO
    stream: LogStream = LogStream.SYSTEM
    phase: Phase
    message: str
    created_at: datetime


@frozen(kw_only=True, cache_hash=True)
class LogLine:
    """A line of a deployment's log."""

    deployment_id: DeploymentId
    seq: int
    """The number of the line: 1, 2, 3, … without gaps."""
    level: LogLevel
    stream: LogStream
    phase: Phase
    message: str
    created_at: datetime

    @classmethod
    def of(cls, entry: LogEntry, *, deployment_id: DeploymentId, seq: int) -> Self:
        """Return *entry* as line *seq* of a deployment's log."""
        return cls(
            deployment_id=deployment_id,
            seq=seq,
            level=entry.level,
            stream=entry.stream,
            phase=entry.phase,
            message=entry.message,
            created_at=entry.created_at,
        )

    @property
    def entry(self) -> LogEntry:
        """Return the line without its number."""
        return LogEntry(
            level=self.level,
            stream=self.stream,
            phase=self.phase,
            message=self.message,
            created_at=self.created_at,
        )

    @property
    def id(self) -> UUID:
        """Return the id, which is derived from the deployment and the number."""
        return uuid5(self.deployment_id, str(self.seq))


@frozen(kw_only=True)
class LogFilter:
    """Selects lines of a log. Fields that are None do not restrict the selection."""

    after: int = 0
    """Selects only lines with a greater `seq`."""
    limit: int | None = None
    """The maximum number of lines."""
    max_characters: int | None = None
    """The maximum total length of the messages. At least one line is returned in any case."""
    stream: LogStream | None = None
    level: LogLevel | None = None
    contains: str | None = None
    """Text that the message must contain, ignoring case."""


@define
class LineSplitter:
    """
    Splits the output of one program into lines, regardless of how it is divided into chunks.

    Lines end with LF, CR LF or CR (as in progress bars). A line longer than MAX_LINE_LENGTH is
    split, but never inside a secret, so that both parts can be redacted.
    """

    _redactor: Redactor = field(factory=Redactor)
    _rest: str = field(default="", init=False)

    @property
    def incomplete_line(self) -> str:
        """
        Return the text of the incomplete last line.

        A new splitter that is fed this text first produces the same lines.
        """
        return self._rest

    def feed(self, text: str) -> Iterator[str]:
        """Add *text* to the output, and yield the lines that are now complete."""
        *lines, self._rest = _LINE_END.split(self._rest + text)
        for line in lines:
            yield from self._pieces(line)
        while len(self._rest) > MAX_LINE_LENGTH + max(self._redactor.max_length, 1):
            piece, self._rest = self._split(self._rest)
            yield piece

    def flush_displayable(self) -> Iterator[str]:
        """
        Yield the incomplete last line, without an ending that may be the beginning of a secret or
        CR LF.

        Use it when no output has arrived for a while, so that prompts become visible.
        """
        if not self._rest.endswith("\r"):
            place = self._redactor.displayable_length(self._rest)
            shown, self._rest = self._rest[:place], self._rest[place:]
            if shown:
                yield from self._pieces(shown)

    def flush(self) -> Iterator[str]:
        """Yield the incomplete last line. Use it at the end of the output."""
        rest, self._rest = self._rest.removesuffix("\r"), ""
        if rest:
            yield from self._pieces(rest)

    def _pieces(self, line: str) -> Iterator[str]:
        while len(line) > MAX_LINE_LENGTH:
            piece, line = self._split(line)
            yield piece
        yield line

    def _split(self, line: str) -> tuple[str, str]:
        place = self._redactor.split_position(line, MAX_LINE_LENGTH)
        return line[:place], line[place:]
