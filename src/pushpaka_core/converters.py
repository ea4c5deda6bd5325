"""
From foreign forms to the domain's own, and back.

`parse` judges what a stranger sent; `to_row` and `from_row` trust what was once
kept, so that a row stays readable after a rule has become stricter.
"""

import math
import re
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Any, NewType, Self, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
import cattrs
from attrs import frozen

from pushpaka_core.domain.rules import Unchanged, problems_in
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import InvalidInputError

T = TypeVar("T", bound=attrs.AttrsInstance)

_CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MOST_UNKNOWN_FIELDS = 10
"""Told of one request; a body of nothing but typos must not cost more than it is worth."""


_NO_TIME = "must be a time with its zone, as in 2026-03-01T12:00:00Z"

Judge = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""Says what else is against well-typed values, by field: what only one instance can know."""


def parse(cls: type[T], body: object, *, judge: Judge | None = None) -> T:
    """
    Return the input object that an untrusted JSON body describes.

    Null counts as absent, but where it changes a setting: there it is None if the
    setting may be None, and of the wrong type if not.

    Raises:
        InvalidInputError: With a sentence for every field that is unknown, missing,
            of the wrong type, against a rule of *cls* or refused by *judge*, all at once.
    """
    if not isinstance(body, Mapping):
        raise InvalidInputError({"body": "must be a JSON object"})
    fields = _fields(cls)
    given = {n: body[n] for n, f in fields.items() if n in body and f.takes(body[n])}
    problems = dict(_unknown_fields(cls, body)) | _missing_fields(cls, given)
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            values[name] = fields[name].read(value)
        except _MembersError as error:
            values |= {name: error.sound} if error.sound else {}
            problems |= {f"{name}.{member}": text for member, text in error.problems.items()}
        except (TypeError, ValueError) as error:
            problems[name] = str(error)
    problems |= problems_in(cls, values)
    if judge is not None:
        problems |= judge(values)
    if problems:
        raise InvalidInputError(problems)
    return cls(**values)


def read_id(given: object) -> UUID:
    """Return the id that *given* is the usual form of; ValueError says what that looks like."""
    if not isinstance(given, str) or not _CANONICAL_UUID.fullmatch(given):
        raise ValueError("must be an id, as in 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10")
    return UUID(given)


def to_row(entity: attrs.AttrsInstance) -> dict[str, Any]:
    """Return *entity* by columns: its fields, with each secret in two columns of its own."""
    row = cast("dict[str, Any]", _rows.unstructure(entity))
    for name in _secret_fields(type(entity)):
        secret = row.pop(name) or dict.fromkeys(_SECRET_PARTS)
        row |= {f"{name}_{part}": secret[part] for part in _SECRET_PARTS}
    return row


def from_row(cls: type[T], row: Mapping[str, Any]) -> T:
    """Return the entity that `to_row` spread over columns; other columns are passed over."""
    values = dict(row)
    for name in _secret_fields(cls):
        secret = {part: values.pop(f"{name}_{part}") for part in _SECRET_PARTS}
        values[name] = None if secret["key_id"] is None else secret
    return _rows.structure(values, cls)


def _unknown_fields(cls: type[T], body: Mapping[object, object]) -> Iterator[tuple[str, str]]:
    known = _fields(cls)
    unknown = (str(name)[:64] for name in body if name not in known)
    for name in islice(unknown, _MOST_UNKNOWN_FIELDS):
        near = "".join(f'; did you mean "{n}"?' for n in get_close_matches(name, known, n=1))
        yield name, f"is not a known field{near}"


def _missing_fields(cls: type[T], given: Container[str]) -> dict[str, str]:
    required = (a.name for a in attrs.fields(cls) if a.default is attrs.NOTHING)
    return {name: "is required" for name in required if name not in given}


@frozen(kw_only=True)
class _Field:
    """What a field may hold, taken from its annotation."""

    kind: Any
    is_nullable: bool
    is_change: bool

    @classmethod
    def of(cls, annotation: Any) -> Self:
        members = get_args(annotation) if _is_union(annotation) else (annotation,)
        (kind,) = (member for member in members if member not in (NoneType, Unchanged))
        return cls(
            kind=_without_name(kind),
            is_nullable=NoneType in members,
            is_change=Unchanged in members,
        )

    def takes(self, given: object) -> bool:
        """Tell whether *given* says anything about the field."""
        return given is not None or self.is_change

    def read(self, given: object) -> object:
        """Return the field's value; else raise what it must be."""
        return None if given is None and self.is_nullable else _typed(self.kind, given)


@cache
def _fields(cls: type) -> Mapping[str, _Field]:
    return {name: _Field.of(annotation) for name, annotation in get_type_hints(cls).items()}


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _without_name(kind: Any) -> Any:
    return kind.__supertype__ if isinstance(kind, NewType) else kind


def _typed(kind: Any, given: object) -> object:
    """Return *given* as what *kind* stands for in JSON; else raise what it must be."""
    if get_origin(kind) is Mapping:
        return _mapping(get_args(kind), given)
    if issubclass(kind, StrEnum):
        return _member(kind, given)
    return SCALARS[kind](given)


def _mapping(kinds: tuple[Any, ...], given: object) -> Mapping[Any, Any]:
    key_kind, value_kind = kinds
    if not isinstance(given, Mapping):
        raise TypeError("must be an object")
    sound, problems = {}, {}
    for key, value in given.items():
        try:
            sound[_typed(key_kind, key)] = _typed(value_kind, value)
        except (TypeError, ValueError) as error:
            problems[str(key)] = str(error)
    if problems:
        raise _MembersError(sound, problems)
    return sound


class _MembersError(Exception):
    """Some members of an object are of the wrong type; the sound ones are judged all the same."""

    def __init__(self, sound: Mapping[Any, Any], problems: Mapping[str, str]) -> None:
        super().__init__("some members are of the wrong type")
        self.sound = sound
        self.problems = problems


def _member(kind: type[StrEnum], given: object) -> StrEnum:
    for member in kind:
        if member.value == given:
            return member
    raise ValueError(f"must be one of {', '.join(kind)}")


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError("must be a text")
    if "\0" in given:
        raise ValueError("must not contain NUL")
    if any("\ud800" <= character <= "\udfff" for character in given):
        raise ValueError("must be valid Unicode text")
    return given


def _whole_number(given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError("must be a whole number")
    return given


def _number(given: object) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise TypeError("must be a number")
    try:
        number = float(given)
    except OverflowError:
        raise ValueError("must be a smaller number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _flag(given: object) -> bool:
    if not isinstance(given, bool):
        raise TypeError("must be true or false")
    return given


def _time(given: object) -> datetime:
    if not isinstance(given, str) or not _TIME.fullmatch(given):
        raise TypeError(_NO_TIME)
    try:
        return datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_NO_TIME) from None


SCALARS: Mapping[type, Callable[[object], object]] = {
    str: _text,
    int: _whole_number,
    float: _number,
    bool: _flag,
    UUID: read_id,
    datetime: _time,
}
"""What returns the value of each type, or raises what it must be."""

_SECRET_PARTS = ("key_id", "ciphertext")


@cache
def _secret_fields(cls: type) -> tuple[str, ...]:
    return tuple(name for name, field in _fields(cls).items() if field.kind is Encrypted)


def _as_it_is(value: Any, _: Any = None) -> Any:
    return value


def _row_converter() -> cattrs.Converter:
    """What the database's own types carry passes; the rest becomes JSON and text."""
    converter = cattrs.Converter(omit_if_default=False)
    for kind in (UUID, datetime, bytes):
        converter.register_structure_hook(kind, _as_it_is)
        converter.register_unstructure_hook(kind, _as_it_is)
    return converter


_rows = _row_converter()
