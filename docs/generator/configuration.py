"""The tables of all settings, by their groups."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Network
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import attrs
from docs.generator.markdown import code, table

from pushpaka_core.settings import Settings

_TYPES: Mapping[str, str] = {
    "bool": "true or false",
    "int": "whole number",
    "str": "text",
    "Path": "absolute path",
    "timedelta": "time",
    "range": "range of ports",
}
_UNITS: tuple[tuple[str, str], ...] = (
    ("bytes", "bytes"),
    ("MiB", "MiB"),
    ("cores", "cores"),
    ("seconds", "seconds"),
    ("hours", "hours"),
    ("days", "days"),
)
"""What the first words of a meaning say that is counted."""


def setting_tables(_words: str) -> str:
    """Return a section for each group, in the order in which an operator meets them."""
    return "\n".join(_section(group) for group in groups())


def groups() -> Sequence[type]:
    """Return the classes that hold the settings."""
    return list(reversed(Settings.__bases__))


def settings_of(group: type) -> Sequence["attrs.Attribute[Any]"]:
    """Return what is set in *group*."""
    return [field for field in attrs.fields(group) if "parse" in field.metadata]


def _section(group: type) -> str:
    title = (group.__doc__ or "").rstrip(".")
    hints = get_type_hints(group)
    rows = [
        [
            code(f"PUSHPAKA_{field.name.upper()}"),
            _type(hints[field.name]),
            code(default_of(field)),
            _unit(field),
            str(field.metadata["help"]),
        ]
        for field in settings_of(group)
    ]
    head = ["Name", "Type", "Default", "Unit", "Meaning"]
    return f"## {title}\n\n{table(head, rows)}"


def default_of(field: "attrs.Attribute[Any]") -> str:
    """Return the default as somebody would set it; nothing where the meaning tells it."""
    match field.default:
        case bool() as default:
            return str(default).lower()
        case timedelta() as default:
            per_unit = {"hours": 3600, "days": 86_400}.get(_unit(field), 1)
            return f"{default.total_seconds() / per_unit:g}"
        case range() as default:
            return f"{default[0]}-{default[-1]}"
        case int() | str() | IPv4Network() as default:
            return str(default)
    return ""


def _unit(field: "attrs.Attribute[Any]") -> str:
    words = str(field.metadata["help"]).split()
    return next((unit for word, unit in _UNITS if words[0].rstrip(",;") == word), "")


def _type(hint: Any) -> str:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if isinstance(hint, UnionType):
        return _type(kinds[0])
    if get_origin(hint) is tuple:
        return "list, by commas"
    if issubclass(hint, str) and hasattr(hint, "__members__"):
        return "one of " + ", ".join(code(choice) for choice in hint)
    return _TYPES.get(hint.__name__, hint.__name__)
