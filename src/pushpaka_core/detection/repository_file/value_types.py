"""Checks the types of pushpaka.toml values and converts them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pushpaka_core.detection.repository_file.keys import MAX_ITEMS, Key, Kind

_SCALARS: Mapping[Kind, type | tuple[type, ...]] = {
    Kind.INTEGER: int,
    Kind.NUMBER: (int, float),
}


def members(kind: Kind, value: object) -> Iterable[tuple[str, object]]:
    """
    Return the single values in *value*, each with its table key or list index from 1.

    A scalar gets the name "".

    Raises:
        ValueError: If *value* is not of *kind*, or has too many entries.
    """
    match kind, value:
        case ((Kind.STRINGS | Kind.COMMANDS), list()):
            return _require_few_entries((str(number), item) for number, item in enumerate(value, 1))
        case Kind.PROCESSES, dict():
            return _require_few_entries(value.items())
        case ((Kind.STRINGS | Kind.PROCESSES), _):
            raise ValueError(f"must be a {kind}")
        case _:
            return [("", value)]


def validation_error(check: Callable[[Any], None], value: object) -> str:
    """Return the message of the error that *check* raises for *value*, or "" if it raises none."""
    try:
        check(value)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def check_scalar(key: Key, name: str) -> Callable[[object], None]:
    """
    Return a check for one value of *key*: first its type, then the rule of the key.

    *name* is the table key or list index of the value, or "" for a scalar.
    """
    kind = Kind.STRING if name else key.kind

    def check(value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, _SCALARS.get(kind, str)):
            raise TypeError(f"must be a {kind}")
        key.check(value)

    return check


def convert(kind: Kind, value: Any) -> Any:
    """Convert a valid value to the type in which it is stored."""
    match kind:
        case Kind.NUMBER:
            return float(value)
        case Kind.STRINGS:
            return tuple(value)
        case Kind.COMMANDS:
            return (value,) if isinstance(value, str) else tuple(value)
        case _:
            return value


def _require_few_entries(pairs: Iterable[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    listed = list(pairs)
    if len(listed) > MAX_ITEMS:
        raise ValueError(f"can have at most {MAX_ITEMS} entries")
    return listed
