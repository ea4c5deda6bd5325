"""How things are found by what people call them."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

from pushpaka_http.cli.client.failures import NoSuchThingError

T = TypeVar("T")


def the_one(things: Iterable[T], named: str, *attributes: str, what: str) -> T:
    """
    Return the one of *things* of which an attribute is *named*; the first attribute that fits.

    Raises:
        NoSuchThingError: If there is none, or more than one.
    """
    things = list(things)
    for attribute in attributes:
        fitting = [thing for thing in things if str(getattr(thing, attribute)) == named]
        if len(fitting) > 1:
            raise NoSuchThingError(f'More than one {what} is called "{named}". Name it by its id.')
        if fitting:
            return fitting[0]
    known = {str(getattr(thing, attribute)) for thing in things for attribute in attributes}
    near = "".join(f' Did you mean "{name}"?' for name in get_close_matches(named, known, n=1))
    raise NoSuchThingError(f'There is no {what} "{named}".{near}')
