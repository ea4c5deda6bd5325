"""
The export format: gzip-compressed lines of JSON.

The first line describes the contents. One line follows per row. The last line has a SHA-256 digest
of all lines before it, so that a truncated or modified file is detected.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from gzip import GzipFile
from hashlib import sha256
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, BinaryIO
from uuid import UUID

from attrs import define, field, frozen

from pushpaka_core.errors import SettingsError

_FORMAT = "pushpaka-export"
_GZIP_WBITS = 31
"""The zlib window size that produces gzip headers."""
_MAX_LINE_BYTES = 64 * 2**20
_BATCH_ROWS = 200
_UNKNOWN_INSTANCE = str(UUID(int=0))
"""Instance id of exports without one, which older versions wrote."""
_NOT_AN_EXPORT = (
    "The file is not an export of an instance. Choose a file that `pushpaka export` wrote."
)
_PARSE_ERRORS = (
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""Errors caused by JSON with an unexpected structure."""
DAMAGED = "The export is truncated or damaged. Nothing was imported. Export the instance again."


@frozen(kw_only=True)
class ExportHeader:
    """The first line of an export."""

    instance_id: UUID
    revision: str
    key_ids: Sequence[str]
    """Ids of the keys that its secrets are encrypted with. The keys are not part of the export."""
    rows: Mapping[str, int]
    """Number of rows by table."""


def _gzip_reader(file: BinaryIO) -> GzipFile:
    return GzipFile(fileobj=file, mode="rb")


@define
class ExportWriter:
    """Writes an export line by line. All methods block."""

    _file: BinaryIO
    _compressor: Any = field(factory=lambda: zlib.compressobj(wbits=_GZIP_WBITS), init=False)
    _digest: Any = field(factory=sha256, init=False)

    def write_header(self, header: ExportHeader) -> None:
        """Write the first line."""
        self._write(
            {
                "format": _FORMAT,
                "instance_id": str(header.instance_id),
                "revision": header.revision,
                "key_ids": header.key_ids,
                "rows": header.rows,
            }
        )

    def write_rows(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write one line per row."""
        for row in rows:
            self._write([table, row])

    def write_digest(self) -> None:
        """Write the last line. An export without it is rejected."""
        self._write({"sha256": self._digest.hexdigest()})
        self._put(self._compressor.flush())

    def _write(self, document: object) -> None:
        line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        self._digest.update(line)
        self._put(self._compressor.compress(line))

    def _put(self, compressed: bytes) -> None:
        try:
            self._file.write(compressed)
        except OSError as error:
            raise SettingsError(
                f"The export cannot be written: {error.strerror}. Check the free space and the "
                "permissions of its directory."
            ) from None


@define
class ExportReader:
    """Reads an export and verifies that it is complete. All methods block."""

    _file: GzipFile = field(converter=_gzip_reader)
    _digest: Any = field(factory=sha256, init=False)

    def read_header(self) -> ExportHeader:
        """
        Read the first line.

        Raises:
            SettingsError: If the file is not an export.
        """
        with _as_settings_errors(_NOT_AN_EXPORT):
            first = self._next()
            if first["format"] != _FORMAT:
                raise ValueError(first["format"])
            return ExportHeader(
                instance_id=UUID(first.get("instance_id", _UNKNOWN_INSTANCE)),
                revision=str(first["revision"]),
                key_ids=[str(key_id) for key_id in first["key_ids"]],
                rows={str(table): int(rows) for table, rows in first["rows"].items()},
            )

    def batches(self, header: ExportHeader) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
        """
        Yield the rows in batches of a single table.

        Raises:
            SettingsError: If the file is damaged. This may only be detected at its end.
        """
        rows = self._rows(header)
        while some := list(islice(rows, _BATCH_ROWS)):
            for table, group in groupby(some, key=itemgetter(0)):
                yield table, [row for _, row in group]

    def _rows(self, export_header: ExportHeader) -> Iterator[tuple[str, Mapping[str, Any]]]:
        found = dict.fromkeys(export_header.rows, 0)
        with _as_settings_errors(DAMAGED):
            while isinstance(line := self._next(), list):
                table, row = line
                found[table] += 1
                yield table, row
            self._require_end(line["sha256"])
        if found != export_header.rows:
            raise SettingsError(DAMAGED)

    def _next(self) -> Any:
        """Return the next line. All but the last are added to the digest."""
        line = self._file.readline(_MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise EOFError
        document = json.loads(line)
        if not (isinstance(document, dict) and "sha256" in document):
            self._digest.update(line)
        return document

    def _require_end(self, digest: str) -> None:
        if digest != self._digest.hexdigest() or self._file.read(1):
            raise EOFError


@contextmanager
def _as_settings_errors(sentence: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, *_PARSE_ERRORS):
        raise SettingsError(sentence) from None
