"""
Converts between external data and domain objects.

`parse` validates untrusted input. `to_row` and `from_row` do not validate, so rows stay readable
after a validation rule has become stricter.
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
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.validation import (
    Unchanged,
    check_characters,
    must_be_one_of,
    validation_errors,
)
from pushpaka_core.domain.volumes.mounts import VolumeMount
from pushpaka_core.errors import InvalidInputError

T = TypeVar("T", bound=attrs.AttrsInstance)

_CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MAX_UNKNOWN_FIELDS = 10
"""The maximum number of unknown fields that are reported, to bound the cost of suggestions."""


_TIME_MESSAGE = "must be a date and time with a time zone, such as 2026-03-01T12:00:00Z"

Validator = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""
A function that returns further validation errors of well-typed values, by field.

It checks rules that depend on the instance, such as its source policy.
"""


def parse(cls: type[T], body: object, *, validator: Validator | None = None) -> T:
    """
    Parse an untrusted JSON body into an input object.

    A null value counts as missing, except for a field that changes a setting: there it resets the
    setting, or is an error if the setting cannot be None.

    Args:
        cls: The class of the input object.
        body: The decoded JSON body.
        validator: Returns further validation errors of the values.

    Raises:
        InvalidInputError: If any field is unknown, missing, of the wrong type or invalid. All
            errors are reported at once.
    """
    if not isinstance(body, Mapping):
        raise InvalidInputError({"body": "must be a JSON object"})
    fields = _fields(cls)
    given = {n: body[n] for n, f in fields.items() if n in body and f.is_given(body[n])}
    problems = dict(_unknown_fields(cls, body)) | _missing_fields(cls, given)
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            values[name] = fields[name].read(value)
        except _InvalidMembersError as error:
            values |= {name: error.valid} if error.valid else {}
            problems |= {f"{name}.{member}": text for member, text in error.problems.items()}
        except (TypeError, ValueError) as error:
            problems[name] = str(error)
    problems |= validation_errors(cls, values)
    if validator is not None:
        problems |= validator(values)
    if problems:
        raise InvalidInputError(problems)
    return cls(**values)


def parse_id(value: object) -> UUID:
    """
    Return the UUID that *value* represents.

    Raises:
        ValueError: If it is not a string in the canonical UUID format.
    """
    if not isinstance(value, str) or not _CANONICAL_UUID.fullmatch(value):
        raise ValueError("must be a UUID such as 6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10")
    return UUID(value)


def to_row(entity: attrs.AttrsInstance) -> dict[str, Any]:
    """Return the columns of *entity*: its fields, with two columns for each encrypted secret."""
    row = cast("dict[str, Any]", _rows.unstructure(entity))
    for name in _secret_fields(type(entity)):
        secret = row.pop(name) or dict.fromkeys(_SECRET_PARTS)
        row |= {f"{name}_{part}": secret[part] for part in _SECRET_PARTS}
    return row


def from_row(cls: type[T], row: Mapping[str, Any]) -> T:
    """
    Return the entity of the class *cls* that `to_row` has converted to *row*. Unknown columns are
    ignored.
    """
    values = dict(row)
    for name in _secret_fields(cls):
        secret = {part: values.pop(f"{name}_{part}") for part in _SECRET_PARTS}
        values[name] = None if secret["key_id"] is None else secret
    return _rows.structure(values, cls)


def _unknown_fields(cls: type[T], body: Mapping[object, object]) -> Iterator[tuple[str, str]]:
    known = _fields(cls)
    unknown = (str(name)[:64] for name in body if name not in known)
    for name in islice(unknown, _MAX_UNKNOWN_FIELDS):
        suggestion = "".join(f'; did you mean "{n}"?' for n in get_close_matches(name, known, n=1))
        yield name, f"is not a known field{suggestion}"


def _missing_fields(cls: type[T], names: Container[str]) -> dict[str, str]:
    required = (a.name for a in attrs.fields(cls) if a.default is attrs.NOTHING)
    return {name: "is required" for name in required if name not in names}


@frozen(kw_only=True)
class _Field:
    """The type of a field, derived from its annotation."""

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

    def is_given(self, value: object) -> bool:
        """Return True unless *value* counts as missing."""
        return value is not None or self.is_change

    def read(self, value: object) -> object:
        """
        Return the value of the field.

        Raises:
            TypeError: If *value* has the wrong type. The message is a clause.
            ValueError: If *value* is not valid. The message is a clause.
        """
        return None if value is None and self.is_nullable else _typed(self.kind, value)


@cache
def _fields(cls: type) -> Mapping[str, _Field]:
    return {name: _Field.of(annotation) for name, annotation in get_type_hints(cls).items()}


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _without_name(kind: Any) -> Any:
    return kind.__supertype__ if isinstance(kind, NewType) else kind


def _typed(kind: Any, value: object) -> object:
    """Return the value of type *kind* that *value* represents in JSON."""
    if get_origin(kind) is Mapping:
        return _mapping(get_args(kind), value)
    if get_origin(kind) is tuple:
        return _items(get_args(kind)[0], value)
    if issubclass(kind, StrEnum):
        return _member(kind, value)
    return SCALAR_CONVERTERS[kind](value)


def _items(kind: Any, value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise TypeError("must be a list")
    return tuple(_typed(kind, item) for item in value)


def _mapping(kinds: tuple[Any, ...], members: object) -> Mapping[Any, Any]:
    key_kind, value_kind = kinds
    if not isinstance(members, Mapping):
        raise TypeError("must be an object")
    valid, problems = {}, {}
    for key, value in members.items():
        try:
            valid[_typed(key_kind, key)] = _typed(value_kind, value)
        except (TypeError, ValueError) as error:
            problems[str(key)] = str(error)
    if problems:
        raise _InvalidMembersError(valid, problems)
    return valid


class _InvalidMembersError(Exception):
    """Some members of an object have the wrong type. The valid members are still validated."""

    def __init__(self, valid_members: Mapping[Any, Any], problems: Mapping[str, str]) -> None:
        super().__init__("some members have the wrong type")
        self.valid = valid_members
        self.problems = problems


def _member(kind: type[StrEnum], value: object) -> StrEnum:
    for member in kind:
        if member.value == value:
            return member
    raise ValueError(must_be_one_of(kind))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("must be a string")
    check_characters(value)
    return value


def _whole_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("must be a whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("must be a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("must be a finite number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def _time(value: object) -> datetime:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise TypeError(_TIME_MESSAGE)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_TIME_MESSAGE) from None


SCALAR_CONVERTERS: Mapping[type, Callable[[object], object]] = {
    str: _text,
    int: _whole_number,
    float: _number,
    bool: _boolean,
    UUID: parse_id,
    datetime: _time,
}
"""Converters by type. They raise TypeError or ValueError with a clause."""

_SECRET_PARTS = ("key_id", "ciphertext")


@cache
def _secret_fields(cls: type) -> tuple[str, ...]:
    return tuple(name for name, field in _fields(cls).items() if field.kind is Encrypted)


def _unchanged(value: Any, _: Any = None) -> Any:
    return value


def _row_converter() -> cattrs.Converter:
    """Return a converter that passes native database types through and turns the rest into JSON."""
    converter = cattrs.Converter(omit_if_default=False)
    for kind in (UUID, datetime, bytes):
        converter.register_structure_hook(kind, _unchanged)
        converter.register_unstructure_hook(kind, _unchanged)
    # Volume mounts are part of a JSON document, where an id has to be a string.
    as_text = override(unstruct_hook=str, struct_hook=lambda value, _: UUID(value))
    converter.register_unstructure_hook(
        VolumeMount, make_dict_unstructure_fn(VolumeMount, converter, volume_id=as_text)
    )
    converter.register_structure_hook(
        VolumeMount, make_dict_structure_fn(VolumeMount, converter, volume_id=as_text)
    )
    return converter


_rows = _row_converter()
