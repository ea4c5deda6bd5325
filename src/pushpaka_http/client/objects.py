"""The objects of the API, from JSON that an instance of any version has written."""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache, partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from pushpaka_core.converters import SCALARS

A = TypeVar("A")


def from_answer(kind: type[A], answer: object) -> A:
    """
    Return what an API has answered, which may be newer or older than *kind*.

    Fields that *kind* does not have are passed over, and what is absent is null. A word
    that an enum does not have becomes a member of it that no list of its members shows.

    Raises:
        ValueError: With a sentence for each part that is something else.
    """
    try:
        return _answers.structure(answer, kind)
    except (cattrs.BaseValidationError, TypeError, ValueError) as error:
        raise ValueError("; ".join(cattrs.transform_error(error, "answer"))) from None


def _answer_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for kind, read in {**SCALARS, date: _day}.items():
        converter.register_structure_hook(kind, _reading(read))
    converter.register_structure_hook(StrEnum, _word)
    converter.register_structure_hook(str | float | None, _as_it_is)
    converter.register_structure_hook_factory(attrs.has, partial(_object_hook, converter))
    return converter


def _as_it_is(given: Any, _: Any) -> Any:
    return given


def _reading(read: Callable[[object], object]) -> Callable[[object, object], object]:
    return lambda given, _: read(given)


def _day(given: object) -> date:
    return date.fromisoformat(str(SCALARS[str](given)))


def _word(given: object, kind: type[StrEnum]) -> StrEnum:
    text = str(SCALARS[str](given))
    return kind(text) if text in list(kind) else _unknown_word(kind, text)


@cache
def _unknown_word(kind: type[StrEnum], text: str) -> StrEnum:
    word = str.__new__(kind, text)
    word._name_ = word._value_ = text
    return word


def _object_hook(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    structure = make_dict_structure_fn(kind, converter)
    fields = attrs.fields(get_origin(kind) or kind)
    absent = {field.name: None for field in fields if NoneType in get_args(field.type)}

    def read(given: Any, _: Any) -> Any:
        if not isinstance(given, Mapping):
            raise TypeError("must be an object")
        return structure({**absent, **given}, kind)

    return read


_answers = _answer_converter()
