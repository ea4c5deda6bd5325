"""Log lines: what a deployment says, cut into lines that can be stored and shown without harm."""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID, uuid5

from attrs import define, field, frozen

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.redaction import Redactor

LONGEST_LINE = 16 * 1024
"""Characters; longer lines are split."""

_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
"""A CR at the very end may be the first half of a CR LF."""


class LogLevel(StrEnum):
    """How much a line matters."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogStream(StrEnum):
    """Who speaks: the platform, or a program through one of its outputs."""

    SYSTEM = "system"
    STDOUT = "stdout"
    STDERR = "stderr"


@frozen(kw_only=True)
class LogEntry:
    """A line that is not numbered yet."""

    level: LogLevel = LogLevel.INFO
    stream: LogStream = LogStream.SYSTEM
    phase: Phase
    message: str
    created_at: datetime


@frozen(kw_only=True, cache_hash=True)
class LogLine:
    """A line of a deployment's log; `seq` counts 1, 2, 3, … without a gap."""

    deployment_id: DeploymentId
    seq: int
    level: LogLevel
    stream: LogStream
    phase: Phase
    message: str
    created_at: datetime

    @classmethod
    def of(cls, entry: LogEntry, *, deployment_id: DeploymentId, seq: int) -> Self:
        """Return *entry* at its place in the log of a deployment."""
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
        """Return it as it was before it had its place."""
        return LogEntry(
            level=self.level,
            stream=self.stream,
            phase=self.phase,
            message=self.message,
            created_at=self.created_at,
        )

    @property
    def id(self) -> UUID:
        """Return its id, which follows from its place."""
        return uuid5(self.deployment_id, str(self.seq))


@frozen(kw_only=True)
class LogFilter:
    """Which lines of a log are wanted."""

    after: int = 0
    """Only lines with a greater `seq`."""
    limit: int | None = None
    most_characters: int | None = None
    """As many lines as have so many characters together, but one at least."""
    stream: LogStream | None = None
    level: LogLevel | None = None
    contains: str | None = None
    """Text that the message contains, in any case."""


@define
class LineSplitter:
    """
    Cuts the output of one program into lines, however it was cut when it was written.

    Lines end at LF, CR LF or CR (progress bars). One that grows over the limit is
    split, beside a secret rather than inside of it, so that both parts can be masked.
    """

    _redactor: Redactor = field(factory=Redactor)
    _rest: str = field(default="", init=False)

    @property
    def rest(self) -> str:
        """Return what is in no line yet; the same text fed again goes on in the same way."""
        return self._rest

    def feed(self, text: str) -> Iterator[str]:
        """Yield the lines that *text* completes."""
        *lines, self._rest = _LINE_END.split(self._rest + text)
        for line in lines:
            yield from self._pieces(line)
        while len(self._rest) > LONGEST_LINE + max(self._redactor.reach, 1):
            piece, self._rest = self._parted(self._rest)
            yield piece

    def release(self) -> Iterator[str]:
        """Yield what is left without a line end, but for what may become a line end or a secret."""
        if not self._rest.endswith("\r"):
            place = self._redactor.shown(self._rest)
            shown, self._rest = self._rest[:place], self._rest[place:]
            if shown:
                yield from self._pieces(shown)

    def flush(self) -> Iterator[str]:
        """Yield what is left without a line end."""
        rest, self._rest = self._rest.removesuffix("\r"), ""
        if rest:
            yield from self._pieces(rest)

    def _pieces(self, line: str) -> Iterator[str]:
        while len(line) > LONGEST_LINE:
            piece, line = self._parted(line)
            yield piece
        yield line

    def _parted(self, line: str) -> tuple[str, str]:
        place = self._redactor.cut(line, LONGEST_LINE)
        return line[:place], line[place:]
