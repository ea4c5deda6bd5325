"""Converts JSON from servers of any version to objects of the API."""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache, partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from pushpaka_core.converters import SCALAR_CONVERTERS

A = TypeVar("A")


def from_response(kind: type[A], document: object) -> A:
    """
    Convert *document*, decoded JSON from a server of any version, to an object of type *kind*.

    Unknown fields are ignored, and absent optional fields are None. An unknown enum value becomes a
    new member, which iterating over the enum does not yield.

    Raises:
        ValueError: If fields are missing or have another type. The message lists all problems.
    """
    try:
        return _converter.structure(document, kind)
    except (cattrs.BaseValidationError, TypeError, ValueError) as error:
        raise ValueError("; ".join(cattrs.transform_error(error, "answer"))) from None


def _create_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for kind, read in {**SCALAR_CONVERTERS, date: _parse_date}.items():
        converter.register_structure_hook(kind, _hook_from(read))
    converter.register_structure_hook(StrEnum, _enum_member)
    converter.register_structure_hook(str | float | None, _unchanged)
    converter.register_structure_hook_factory(attrs.has, partial(_object_hook, converter))
    return converter


def _unchanged(value: Any, _: Any) -> Any:
    return value


def _hook_from(parse: Callable[[object], object]) -> Callable[[object, object], object]:
    return lambda given, _: parse(given)


def _parse_date(value: object) -> date:
    return date.fromisoformat(str(SCALAR_CONVERTERS[str](value)))


def _enum_member(value: object, kind: type[StrEnum]) -> StrEnum:
    text = str(SCALAR_CONVERTERS[str](value))
    return kind(text) if text in list(kind) else _unknown_member(kind, text)


@cache
def _unknown_member(kind: type[StrEnum], text: str) -> StrEnum:
    word = str.__new__(kind, text)
    word._name_ = word._value_ = text
    return word


def _object_hook(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    structure = make_dict_structure_fn(kind, converter)
    fields = attrs.fields(get_origin(kind) or kind)
    absent = {field.name: None for field in fields if NoneType in get_args(field.type)}

    def read(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError("must be an object")
        return structure({**absent, **value}, kind)

    return read


_converter = _create_converter()
