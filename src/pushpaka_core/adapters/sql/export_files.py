"""
The file that an instance travels in: compressed lines of JSON.

The first line tells what is in it, one line follows for each row, and the last has a
digest of all before it, so that a file that was cut or changed is noticed.
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
_GZIP = 31
"""What makes zlib write what gzip reads."""
_LONGEST_LINE = 64 * 2**20
_BATCH = 200
_UNKNOWN = str(UUID(int=0))
"""Of which instance an export is that does not say so, as older ones do not."""
_NO_EXPORT = "This is not a file that `pushpaka export` has written."
_UNREADABLE = (
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""What comes of JSON that was not written by us."""
DAMAGED = "The export is cut or damaged, and nothing of it was imported. Export it again."


@frozen(kw_only=True)
class Contents:
    """What an export has: of which instance, by which schema, under which keys, how much."""

    instance_id: UUID
    revision: str
    key_ids: Sequence[str]
    """Of the keys with which its secrets are encrypted, which it does not have."""
    rows: Mapping[str, int]
    """How many rows each table has."""


def _decompressing(file: BinaryIO) -> GzipFile:
    return GzipFile(fileobj=file, mode="rb")


@define
class ExportWriter:
    """Writes an export line by line. All of it blocks."""

    _file: BinaryIO
    _compressor: Any = field(factory=lambda: zlib.compressobj(wbits=_GZIP), init=False)
    _digest: Any = field(factory=sha256, init=False)

    def begin(self, contents: Contents) -> None:
        """Write the first line."""
        self._write(
            {
                "format": _FORMAT,
                "instance_id": str(contents.instance_id),
                "revision": contents.revision,
                "key_ids": contents.key_ids,
                "rows": contents.rows,
            }
        )

    def add(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a line for each row."""
        for row in rows:
            self._write([table, row])

    def finish(self) -> None:
        """Write the last line, without which nobody takes the file."""
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
            raise SettingsError(f"The export cannot be written: {error.strerror}.") from None


@define
class ExportReader:
    """Reads an export to its end, and judges whether it is whole. All of it blocks."""

    _file: GzipFile = field(converter=_decompressing)
    _digest: Any = field(factory=sha256, init=False)

    def begin(self) -> Contents:
        """
        Read the first line.

        Raises:
            SettingsError: If it is not that of an export.
        """
        with _as_settings_errors(_NO_EXPORT):
            first = self._next()
            if first["format"] != _FORMAT:
                raise ValueError(first["format"])
            return Contents(
                instance_id=UUID(first.get("instance_id", _UNKNOWN)),
                revision=str(first["revision"]),
                key_ids=[str(key_id) for key_id in first["key_ids"]],
                rows={str(table): int(rows) for table, rows in first["rows"].items()},
            )

    def batches(self, contents: Contents) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
        """
        Yield all rows, some of one table at a time.

        Raises:
            SettingsError: If the file is not whole, which may be seen at its end only.
        """
        rows = self._rows(contents)
        while some := list(islice(rows, _BATCH)):
            for table, group in groupby(some, key=itemgetter(0)):
                yield table, [row for _, row in group]

    def _rows(self, contents: Contents) -> Iterator[tuple[str, Mapping[str, Any]]]:
        found = dict.fromkeys(contents.rows, 0)
        with _as_settings_errors(DAMAGED):
            while isinstance(line := self._next(), list):
                table, row = line
                found[table] += 1
                yield table, row
            self._require_end(line["sha256"])
        if found != contents.rows:
            raise SettingsError(DAMAGED)

    def _next(self) -> Any:
        """Return the next line; the digest told by the last one leaves that out."""
        line = self._file.readline(_LONGEST_LINE)
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
    except (OSError, EOFError, zlib.error, *_UNREADABLE):
        raise SettingsError(sentence) from None
