"""Turns what BuildKit tells of a build, line by line, into the lines of a log."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from attrs import define, field, frozen

_OF_A_CACHE = "importing cache manifest from "
"""Begins what fails where layers are gone that somebody kept: they are made again then."""
_UNTOLD = ("[internal]", "[auth]", _OF_A_CACHE)
_ASKED_FOR = "[internal] load metadata for "
"""Stands before the name of an image that a registry is asked for."""
_ADDED = re.compile(r"(?:--mount=\S+\s+)+|set -a; \. /run/secrets/env; set \+a; |^/bin/sh -c ")
_STAGE = re.compile(r"\[(?!stage-\d+ )([a-z][\w.-]{0,63}) +\d+/(?!1\])\d+\] (?P<from>FROM )?")
"""
Stands before what is done for a stage that has a name, and more to it than what it stands on.

Others are called after their number.
"""
_MOST_SHOWN = 10_000
"""Characters of a command: looking through a million of them would take hours."""


@frozen
class Said:
    """A sentence of ours about a step, or what a command printed."""

    text: str = ""
    data: bytes = b""
    is_error: bool = False


@define
class Progress:
    """Reads `docker buildx build --progress=rawjson`."""

    _told: set[str] = field(factory=set, init=False)
    _rest: bytearray = field(factory=bytearray, init=False)
    _report: bytearray = field(factory=bytearray, init=False)
    _asked: dict[str, float] = field(factory=dict, init=False)
    """Since when registries are asked for which images, by this host's monotonic clock."""
    errors: list[str] = field(factory=list, init=False)
    """Why steps failed."""
    plain: list[str] = field(factory=list, init=False)
    """What was printed that is no progress: the client's own errors."""
    stages: dict[str, bool] = field(factory=dict, init=False)
    """The names of those that the image is made of, and whether something was done for them."""

    def feed(self, data: bytes) -> Iterator[Said]:
        """Yield what the next bytes say."""
        self._rest += data
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            yield from self._line(line)

    def unanswered(self, *, seconds: float) -> str | None:
        """Return an image that a registry has been asked for in vain for *seconds*."""
        since = monotonic() - seconds
        return next((image for image, begun in self._asked.items() if begun <= since), None)

    def finish(self) -> Iterator[Said]:
        """Yield what a last line without an end says."""
        line, self._rest = bytes(self._rest), bytearray()
        yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[Said]:
        """Take a line of a report, which may have several; what begins otherwise is no report."""
        if not (self._report or line.startswith(b"{")):
            self._note(line)
            return
        self._report += line
        if line.rstrip() != b"}" and self._report != line:
            return
        with suppress(ValueError):
            status = json.loads(self._report)
            self._report.clear()
            yield from self._status(status)

    def _note(self, line: bytes) -> None:
        if text := line.decode(errors="replace").strip():
            self.plain.append(text)

    def _status(self, status: dict[str, Any]) -> Iterator[Said]:
        for vertex in status.get("vertexes") or ():
            yield from self._vertex(vertex)
        for entry in status.get("logs") or ():
            yield Said(data=b64decode(entry.get("data", "")), is_error=entry.get("stream") == 2)

    def _vertex(self, vertex: dict[str, Any]) -> Iterator[Said]:
        digest, name = vertex["digest"], vertex.get("name", "")
        if (error := vertex.get("error")) and not name.startswith(_OF_A_CACHE):
            self.errors.append(error)
        if stage := _STAGE.match(name):
            is_done = bool(vertex.get("completed")) and not (vertex.get("cached") or stage["from"])
            self.stages[stage[1]] = self.stages.get(stage[1], False) or is_done
        if name.startswith(_ASKED_FOR):
            self._ask(name.removeprefix(_ASKED_FOR), vertex)
        if name.startswith(_UNTOLD) or not vertex.get("completed") or digest in self._told:
            return
        self._told.add(digest)
        yield Said(text=f"{shown_command(name)} {_ending(vertex)}")

    def _ask(self, image: str, vertex: dict[str, Any]) -> None:
        if vertex.get("completed"):
            self._asked.pop(image, None)
        elif vertex.get("started"):
            self._asked.setdefault(image, monotonic())


def shown_command(text: str) -> str:
    """Return a command as it was meant, without what the platform puts before it."""
    return _ADDED.sub("", text[:_MOST_SHOWN])


def _ending(vertex: dict[str, Any]) -> str:
    if vertex.get("cached"):
        return "(as before)"
    if vertex.get("error"):
        return "failed"
    seconds = (_moment(vertex["completed"]) - _moment(vertex["started"])).total_seconds()
    return f"({seconds:.1f} s)"


def _moment(text: str) -> datetime:
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6].ljust(6, '0')}").replace(tzinfo=UTC)
