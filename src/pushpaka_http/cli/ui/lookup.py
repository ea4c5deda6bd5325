"""Finds an object by the value of one of several attributes."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

from pushpaka_http.cli.ui.failures import NoMatchError

T = TypeVar("T")


def find_one(items: Iterable[T], value: str, *attributes: str, noun: str) -> T:
    """
    Return the only one of *items* in which one of *attributes* has the value *value*.

    The attributes are tried in order, and the first one with a match decides. Error messages call
    the object *noun*.

    Raises:
        NoMatchError: If no item or more than one item matches.
    """
    items = list(items)
    for attribute in attributes:
        matches = [item for item in items if str(getattr(item, attribute)) == value]
        if len(matches) > 1:
            raise NoMatchError(f'More than one {noun} is called "{value}". Use the id instead.')
        if matches:
            return matches[0]
    known = {str(getattr(item, attribute)) for item in items for attribute in attributes}
    suggestions = [f'Did you mean "{name}"?' for name in get_close_matches(value, known, n=1)]
    remedy = suggestions[0] if suggestions else "Check its spelling."
    raise NoMatchError(f'There is no {noun} "{value}". {remedy}')
