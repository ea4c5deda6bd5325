"""The JSON schema of pushpaka.toml, for editors: they complete its keys and mark its mistakes."""

from collections.abc import Callable, Mapping
from typing import Any

from pushpaka_core.detection.repository_file.keys import KEYS, MOST_ITEMS, Key, Kind
from pushpaka_core.domain.instances import PROCESS_TYPE
from pushpaka_core.domain.rules import Matching, OneLine, Within

_SCALARS: Mapping[Kind, str] = {Kind.INTEGER: "integer", Kind.NUMBER: "number"}


def repository_schema() -> dict[str, Any]:
    """Return the schema, made from the table that the reader goes by."""
    properties: dict[str, Any] = {}
    for key in KEYS:
        table, dot, name = key.path.rpartition(".")
        home = properties.setdefault(table, _table({}))["properties"] if dot else properties
        home[name] = {"description": key.meaning, **_described(key)}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "pushpaka.toml",
        "description": "What a repository says of its own deployment on Pushpaka.",
        **_table(properties),
    }


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _described(key: Key) -> dict[str, Any]:
    one = {"type": _SCALARS.get(key.kind, "string"), **_rule(key.check)}
    listed = {"type": "array", "items": one, "maxItems": MOST_ITEMS}
    match key.kind:
        case Kind.TEXTS:
            return listed
        case Kind.COMMANDS:
            return {"oneOf": [one, listed]}
        case Kind.PROCESSES:
            return {
                "type": "object",
                "additionalProperties": one,
                "propertyNames": _rule(PROCESS_TYPE),
                "maxProperties": MOST_ITEMS,
            }
        case _:
            return one


def _rule(check: Callable[[Any], None]) -> dict[str, Any]:
    """Return what a schema can say of a rule; what it cannot is left to the reader."""
    match check:
        case Within(least, most):
            return {"minimum": least, "maximum": most}
        case OneLine(most):
            return {"minLength": check.least, "maxLength": most}
        case Matching(pattern):
            return {"pattern": f"^(?:{pattern})$"}
        case _:
            return {}
