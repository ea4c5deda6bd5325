"""Validators for attrs fields. Each reports a problem as a clause such as "must be a number"."""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, StrEnum
from functools import partial
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from pushpaka_core.errors import InvalidInputError

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Unchanged(Enum):
    """The type of UNCHANGED, for type checkers."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
"""The value of a setting that a request leaves unchanged. None, in contrast, resets the setting."""


@frozen
class FieldValidator:
    """An attrs validator that applies a check to every value except None and UNCHANGED."""

    check: Callable[[Any], None]
    """A function that raises ValueError with a clause such as "must be a number"."""

    def __call__(self, _: Any, attribute: Any, value: Any) -> None:
        """Raise InvalidInputError for the field unless the value passes the check."""
        if value is None or value is UNCHANGED:
            return
        try:
            self.check(value)
        except ValueError as error:
            raise InvalidInputError({attribute.name: str(error)}) from None


def validated_by(check: Callable[[T], None]) -> FieldValidator:
    """
    Return an attrs validator that applies *check* to every value except None and UNCHANGED.

    *check* raises ValueError with a clause such as "must be a number".
    """
    return FieldValidator(check)


def must_be_one_of(choices: Iterable[str]) -> str:
    """Return the error message for a value that is not one of *choices*."""
    return f"must be one of {', '.join(choices)}"


def validation_errors(cls: type[attrs.AttrsInstance], values: Mapping[str, Any]) -> dict[str, str]:
    """
    Return the validation errors of *values*, by field.

    Args:
        cls: The attrs class whose validators apply.
        values: Well-typed values by field name. Fields may be missing.
    """
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
class SingleLine:
    """Requires a single line of text without control or bidirectional formatting characters."""

    max_length: int
    min_length: int = field(default=1, kw_only=True)

    def __call__(self, value: str) -> None:
        """Raise ValueError unless *value* meets the requirement."""
        if not self.min_length <= len(value.strip()) or len(value) > self.max_length:
            raise ValueError(f"must have {self.min_length} to {self.max_length} characters")
        if _CONTROL.search(value):
            raise ValueError("must not contain control characters or line breaks")


@frozen
class Length:
    """Requires text of a certain length in characters, without NUL and invalid Unicode."""

    minimum: int
    maximum: int

    def __call__(self, value: str) -> None:
        """Raise ValueError unless *value* meets the requirement."""
        if not self.minimum <= len(value) <= self.maximum:
            raise ValueError(f"must have {self.minimum} to {self.maximum} characters")
        check_characters(value)


@frozen
class LimitedText:
    """Requires text that passes a check and does not exceed a maximum number of characters."""

    max_length: int
    check: Callable[[str], None]

    def __call__(self, value: str) -> None:
        """Raise ValueError unless *value* meets the requirement."""
        if len(value) > self.max_length:
            raise ValueError(f"can be at most {self.max_length} characters long")
        self.check(value)


def limited_to(max_length: int) -> Callable[[Callable[[str], None]], LimitedText]:
    """Return a decorator that adds a limit of *max_length* characters to a check of text."""
    return partial(LimitedText, max_length)


@frozen
class Matches:
    """Requires text that matches a regular expression in full."""

    pattern: str
    message: str
    """The error message: a clause such as "must be a number"."""

    def __call__(self, value: str) -> None:
        """Raise ValueError unless *value* matches the regular expression."""
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.message)


@frozen
class OneOf:
    """Requires one of the values of an enumeration."""

    choices: type[StrEnum]

    def __call__(self, value: str) -> None:
        """Raise ValueError unless *value* is a value of the enumeration."""
        if value not in list(self.choices):
            raise ValueError(must_be_one_of(self.choices))


@frozen
class InRange:
    """Requires a number within a range, including both ends."""

    minimum: float
    maximum: float

    def __call__(self, value: float) -> None:
        """Raise ValueError unless *value* is within the range."""
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"must be from {self.minimum} to {self.maximum}")


def json_schema(check: Callable[[Any], None]) -> dict[str, Any]:
    """Return the part of *check* that JSON Schema can express, or an empty schema."""
    schema: dict[str, Any] = {}
    match check:
        case InRange(minimum, maximum):
            schema = {"minimum": minimum, "maximum": maximum}
        case Length(minimum, maximum):
            schema = {"minLength": minimum, "maxLength": maximum}
        case LimitedText(max_length):
            schema = {"maxLength": max_length}
        case SingleLine(max_length):
            schema = {"minLength": check.min_length, "maxLength": max_length}
        case OneOf(choices):
            schema = {"enum": list(choices)}
        case Matches(pattern):
            schema = {"pattern": f"^(?:{pattern})$"}
    return schema


def check_characters(value: str) -> None:
    """Raise ValueError if *value* contains NUL, or surrogates that UTF-8 cannot encode."""
    if "\0" in value:
        raise ValueError("must not contain NUL")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be valid Unicode text")
