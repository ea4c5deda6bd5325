"""The values of pushpaka.toml: of the right kind, or with a sentence that says which it must be."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pushpaka_core.detection.repository_file.keys import MOST_ITEMS, Key, Kind

_SCALARS: Mapping[Kind, type | tuple[type, ...]] = {
    Kind.INTEGER: int,
    Kind.NUMBER: (int, float),
}


def members(kind: Kind, value: object) -> Iterable[tuple[str, object]]:
    """Return the single values in one of *kind*, by name or number; ValueError where it is none."""
    match kind, value:
        case ((Kind.TEXTS | Kind.COMMANDS), list()):
            return _few((str(number), item) for number, item in enumerate(value, 1))
        case Kind.PROCESSES, dict():
            return _few(value.items())
        case ((Kind.TEXTS | Kind.PROCESSES), _):
            raise ValueError(f"must be a {kind}")
        case _:
            return [("", value)]


def complaint(check: Callable[[Any], None], value: object) -> str:
    """Return what *check* has against *value*, "" where it has nothing."""
    try:
        check(value)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def check_scalar(key: Key, name: str) -> Callable[[object], None]:
    """Return what asks a member of *key*'s value for its kind, and then for its rule."""
    kind = Kind.TEXT if name else key.kind

    def check(value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, _SCALARS.get(kind, str)):
            raise TypeError(f"must be a {kind}")
        key.check(value)

    return check


def read(kind: Kind, value: Any) -> Any:
    """Return a value without mistakes as it is kept."""
    match kind:
        case Kind.NUMBER:
            return float(value)
        case Kind.TEXTS:
            return tuple(value)
        case Kind.COMMANDS:
            return (value,) if isinstance(value, str) else tuple(value)
        case _:
            return value


def _few(pairs: Iterable[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    listed = list(pairs)
    if len(listed) > MOST_ITEMS:
        raise ValueError(f"must have at most {MOST_ITEMS} entries")
    return listed
