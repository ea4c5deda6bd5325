"""The JSON Schema of pushpaka.toml, which editors use for completion and validation."""

from collections.abc import Mapping
from typing import Any

from pushpaka_core.detection.repository_file.keys import (
    KEYS,
    MAX_ITEMS,
    NAMED_TABLES,
    Key,
    Kind,
)
from pushpaka_core.domain.instances.instances import PROCESS_TYPE
from pushpaka_core.domain.validation import json_schema

_SCALARS: Mapping[Kind, str] = {Kind.INTEGER: "integer", Kind.NUMBER: "number"}


def repository_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7), generated from the table of keys."""
    properties: dict[str, Any] = {}
    for name, check in NAMED_TABLES.items():
        properties[name] = {
            "type": "object",
            "additionalProperties": {**_table({}), "required": ["path"]},
            "propertyNames": json_schema(check),
            "maxProperties": MAX_ITEMS,
        }
    for key in KEYS:
        table, dot, name = key.path.rpartition(".")
        if table.endswith(".*"):
            home = properties[table.removesuffix(".*")]["additionalProperties"]["properties"]
        else:
            home = properties.setdefault(table, _table({}))["properties"] if dot else properties
        home[name] = {"description": key.description, **_key_schema(key)}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "pushpaka.toml",
        "description": "Settings for deploying a repository with Pushpaka.",
        **_table(properties),
    }


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _key_schema(key: Key) -> dict[str, Any]:
    one = {"type": _SCALARS.get(key.kind, "string"), **json_schema(key.check)}
    listed = {"type": "array", "items": one, "maxItems": MAX_ITEMS}
    match key.kind:
        case Kind.STRINGS:
            return listed
        case Kind.COMMANDS:
            return {"oneOf": [one, listed]}
        case Kind.PROCESSES:
            return {
                "type": "object",
                "additionalProperties": one,
                "propertyNames": json_schema(PROCESS_TYPE),
                "maxProperties": MAX_ITEMS,
            }
        case _:
            return one
