"""Converts objects of the domain and the services to response bodies."""

from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import attrs

R = TypeVar("R", bound=attrs.AttrsInstance)


def from_attributes(kind: type[R], source: object, **fields: Any) -> R:
    """
    Return an object of type *kind* with the attributes of *source* that have the same names.

    Args:
        kind: The class of the response body.
        source: The object to convert.
        fields: Values of fields that *source* does not have or has in another form. Pass a value
            for each secret that must not be copied.
    """
    copied = {name: getattr(source, name) for name in _field_names(kind) if name not in fields}
    return kind(**copied, **fields)


def milliseconds(duration: timedelta) -> int:
    """Return *duration* in whole milliseconds, rounded down."""
    return duration // timedelta(milliseconds=1)


@cache
def _field_names(kind: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(kind))
