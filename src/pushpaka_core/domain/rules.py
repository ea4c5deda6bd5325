"""How fields are judged: attrs validators that say what is wrong in a sentence, and all at once."""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from pushpaka_core.errors import InvalidInputError

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Unchanged(Enum):
    """The type of UNCHANGED, so that a type checker can tell it from a value."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
"""Stands in a set of changes where nothing was said; None there takes a value back."""


def rule(check: Callable[[T], None]) -> Callable[[Any, Any, Any], None]:
    """
    Return an attrs validator that asks *check* about every value but None and UNCHANGED.

    *check* raises ValueError with a sentence that begins with "must"; the
    validator turns it into an InvalidInputError that names the field.
    """

    def validate(_: Any, attribute: Any, value: Any) -> None:
        if value is None or value is UNCHANGED:
            return
        try:
            check(value)
        except ValueError as error:
            raise InvalidInputError({attribute.name: str(error)}) from None

    return validate


def problems_in(cls: type[attrs.AttrsInstance], values: Mapping[str, Any]) -> dict[str, str]:
    """Return what the rules of *cls* say against *values* (well-typed, by field name), by field."""
    problems: dict[str, str] = {}
    for attribute in attrs.fields(cls):
        if attribute.validator is None or attribute.name not in values:
            continue
        try:
            attribute.validator(None, attribute, values[attribute.name])
        except InvalidInputError as error:
            problems |= error.problems
    return problems


@frozen
class OneLine:
    """Asks for text on one line, without control or direction characters."""

    most: int
    least: int = field(default=1, kw_only=True)

    def __call__(self, value: str) -> None:
        """Raise ValueError where *value* is something else."""
        if not self.least <= len(value.strip()) or len(value) > self.most:
            raise ValueError(f"must have {self.least} to {self.most} characters")
        if _CONTROL.search(value):
            raise ValueError("must not contain control characters or line breaks")


@frozen
class Matching:
    """Asks for text that a pattern matches as a whole."""

    pattern: str
    sentence: str
    """Says what the text must be; it begins with "must"."""

    def __call__(self, value: str) -> None:
        """Raise ValueError where *value* does not match."""
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.sentence)


@frozen
class Within:
    """Asks for a number between two others, both included."""

    least: float
    most: float

    def __call__(self, value: float) -> None:
        """Raise ValueError where *value* lies outside."""
        if not self.least <= value <= self.most:
            raise ValueError(f"must be from {self.least} to {self.most}")
