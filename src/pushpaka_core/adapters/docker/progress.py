"""Translates the progress of BuildKit into log lines."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from attrs import define, field, frozen

_CACHE_IMPORT = "importing cache manifest from "
"""Prefix of the step that imports a cache. If this step fails, the layers are built again."""
_HIDDEN_STEPS = ("[internal]", "[auth]", _CACHE_IMPORT)
_METADATA_REQUEST = "[internal] load metadata for "
"""Prefix of the step that asks a registry for the metadata of an image."""
_PLATFORM_PREFIXES = re.compile(
    r"(?:--mount=\S+\s+)+|set -a; \. /run/secrets/env; set \+a; |^/bin/sh -c "
)
_STAGE = re.compile(r"\[(?!stage-\d+ )([a-z][\w.-]{0,63}) +\d+/(?!1\])\d+\] (?P<from>FROM )?")
"""Matches a step of a named stage, except its FROM. Unnamed stages are called stage-<number>."""
_MAX_COMMAND_CHARS = 10_000
"""
The maximum length of a shown command. Matching `_PLATFORM_PREFIXES` against a million characters
takes hours.
"""


@frozen
class ProgressLine:
    """A platform message about a step, or a line of output of the step's command."""

    text: str = ""
    data: bytes = b""
    is_error: bool = False


@define
class BuildProgress:
    """Parses the output of `docker buildx build --progress=rawjson`."""

    _reported_digests: set[str] = field(factory=set, init=False)
    _incomplete_line: bytearray = field(factory=bytearray, init=False)
    _document: bytearray = field(factory=bytearray, init=False)
    _pending_requests: dict[str, float] = field(factory=dict, init=False)
    """Images requested from registries, with the monotonic time of each request."""
    errors: list[str] = field(factory=list, init=False)
    """Errors of failed steps."""
    plain_output: list[str] = field(factory=list, init=False)
    """Output other than progress: errors of the docker client itself."""
    stages: dict[str, bool] = field(factory=dict, init=False)
    """The image's named stages. A value is True if any step of the stage was run, not cached."""

    def feed(self, data: bytes) -> Iterator[ProgressLine]:
        """Yield the log lines completed by *data*."""
        self._incomplete_line += data
        *lines, rest = bytes(self._incomplete_line).split(b"\n")
        self._incomplete_line = bytearray(rest)
        for line in lines:
            yield from self._line(line)

    def unanswered_image(self, *, seconds: float) -> str | None:
        """Return an image for which a registry has not answered within *seconds*, or None."""
        since = monotonic() - seconds
        return next(
            (
                image
                for image, requested_at in self._pending_requests.items()
                if requested_at <= since
            ),
            None,
        )

    def finish(self) -> Iterator[ProgressLine]:
        """Yield the log lines for a last line that does not end with a line feed."""
        line, self._incomplete_line = bytes(self._incomplete_line), bytearray()
        yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[ProgressLine]:
        """Parse a line of a JSON document, which may span several lines, or note plain output."""
        if not (self._document or line.startswith(b"{")):
            self._note(line)
            return
        self._document += line
        if line.rstrip() != b"}" and self._document != line:
            return
        with suppress(ValueError):
            status = json.loads(self._document)
            self._document.clear()
            yield from self._status(status)

    def _note(self, line: bytes) -> None:
        if text := line.decode(errors="replace").strip():
            self.plain_output.append(text)

    def _status(self, status: dict[str, Any]) -> Iterator[ProgressLine]:
        for vertex in status.get("vertexes") or ():
            yield from self._vertex(vertex)
        for entry in status.get("logs") or ():
            yield ProgressLine(
                data=b64decode(entry.get("data", "")), is_error=entry.get("stream") == 2
            )

    def _vertex(self, vertex: dict[str, Any]) -> Iterator[ProgressLine]:
        digest, name = vertex["digest"], vertex.get("name", "")
        if (error := vertex.get("error")) and not name.startswith(_CACHE_IMPORT):
            self.errors.append(error)
        if stage := _STAGE.match(name):
            is_done = bool(vertex.get("completed")) and not (vertex.get("cached") or stage["from"])
            self.stages[stage[1]] = self.stages.get(stage[1], False) or is_done
        if name.startswith(_METADATA_REQUEST):
            self._track_request(name.removeprefix(_METADATA_REQUEST), vertex)
        if (
            name.startswith(_HIDDEN_STEPS)
            or not vertex.get("completed")
            or digest in self._reported_digests
        ):
            return
        self._reported_digests.add(digest)
        yield ProgressLine(text=f"{displayed_command(name)} {_outcome(vertex)}")

    def _track_request(self, image: str, vertex: dict[str, Any]) -> None:
        if vertex.get("completed"):
            self._pending_requests.pop(image, None)
        elif vertex.get("started"):
            self._pending_requests.setdefault(image, monotonic())


def displayed_command(text: str) -> str:
    """Return a command as the user wrote it, without the parts that the platform adds."""
    return _PLATFORM_PREFIXES.sub("", text[:_MAX_COMMAND_CHARS])


def _outcome(vertex: dict[str, Any]) -> str:
    if vertex.get("cached"):
        return "(cached)"
    if vertex.get("error"):
        return "failed"
    seconds = (_moment(vertex["completed"]) - _moment(vertex["started"])).total_seconds()
    return f"({seconds:.1f} s)"


def _moment(text: str) -> datetime:
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6].ljust(6, '0')}").replace(tzinfo=UTC)
