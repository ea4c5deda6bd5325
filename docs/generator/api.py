"""The pages of the HTTP API, from its OpenAPI document and the table of permissions."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from docs.generator.markdown import code, prose, table
from tests.http.instances import Instance
from tests.http.operations import rows

from pushpaka_core.domain.accounts.access import Scope
from pushpaka_http.app import create_app

Described = Mapping[str, Any]
_BASE = "/api/v1"
_METHODS = ("get", "post", "put", "patch", "delete")
_SCOPES: Mapping[Scope | None, str] = {
    None: "no authentication",
    Scope.READ: "scope `read` or higher",
    Scope.DEPLOY: "scope `deploy` or higher",
    Scope.FULL: "scope `full`",
    Scope.SIGNED_IN: "a sign-in with a password, not an API token",
}


def operations(tags: str) -> str:
    """Return a section for each of *tags*, which are separated by commas."""
    descriptions = {tag["name"]: tag["description"] for tag in _document()["tags"]}
    sections = {tag: [f"## {tag.capitalize()}", descriptions[tag]] for tag in tags.split(", ")}
    for path, methods in sorted(_document()["paths"].items()):
        for method in sorted(methods, key=_METHODS.index):
            operation = methods[method]
            for tag in sections.keys() & operation["tags"]:
                if tag != "platform" or not path.startswith(_BASE):
                    sections[tag].append(_operation(method.upper(), path, operation))
    return _paragraphs(*(part for parts in sections.values() for part in parts))


def schemas(_words: str = "") -> str:
    """Return a section for each object in requests and responses."""
    objects = _document()["components"]["schemas"]
    return _paragraphs(*(_schema(name, objects[name]) for name in sorted(objects)))


@cache
def _document() -> Described:
    document: Described = create_app(Instance.empty().application).openapi_schema.to_schema()
    return document


@cache
def _permissions() -> Mapping[tuple[str, str], str]:
    return {
        row.key: _SCOPES[row.scope]
        + (f", role {code(row.role)} or higher in the project" if row.role else "")
        + (", administrator" if row.admin else "")
        for row in rows()
    }


def _operation(method: str, path: str, operation: Described) -> str:
    responses = operation["responses"]
    errors = ", ".join(code(status) for status in sorted(responses) if status >= "400")
    return _paragraphs(
        f"### {method} {path.removeprefix(_BASE)}",
        f"**{operation['summary']}.** {prose(operation['description'])}",
        f"Required: {_permissions().get((method, path), 'see the description')}.",
        _values("Parameter", operation.get("parameters", ())),
        *_body(operation.get("requestBody")),
        *(
            f"Response {status}: {_content(response)}."
            for status, response in responses.items()
            if status < "400"
        ),
        f"Errors: {errors}." if errors else "",
    )


def _body(body: Described | None) -> Iterable[str]:
    if body:
        yield f"Body: {_content(body)}{'' if body.get('required') else ', optional'}."
        for kind in body["content"].values():
            if reference := kind["schema"].get("$ref"):
                yield _fields(_document()["components"]["schemas"][reference.rpartition("/")[2]])


def _content(holder: Described) -> str:
    kinds = [
        _type(kind["schema"]) + ("" if media == "application/json" else f" ({media})")
        for media, kind in holder.get("content", {}).items()
    ]
    return " or ".join(kinds) or "nothing"


def _schema(name: str, schema: Described) -> str:
    fields = "" if "enum" in schema else _fields(schema)
    return _paragraphs(f"## {name}", prose(schema["description"]), fields)


def _fields(schema: Described) -> str:
    required = schema.get("required", ())
    fields = schema.get("properties", {}).items()
    return _values(
        "Field", [{"name": n, "star": n in required, "schema": f, **f} for n, f in fields]
    )


def _values(kind: str, values: Iterable[Described]) -> str:
    cells = [
        [
            code(value["name"]) + (" \\*" if value.get("star") else ""),
            value.get("in", ""),
            _type(value["schema"]),
            _default(value["schema"].get("default")),
            prose(value["description"]),
        ]
        for value in values
    ]
    return table([kind, "In", "Type", "Default", "Meaning"], cells) if cells else ""


def _default(value: object) -> str:
    if value is None:
        return ""
    return code(value if isinstance(value, str) else json.dumps(value))


def _type(schema: Described) -> str:
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}](objects.md#{name.lower()})"
        case {"enum": choices}:
            return " or ".join(map(code, choices))
        case {"oneOf": kinds} | {"anyOf": kinds}:
            return " or ".join(map(_type, sorted(kinds, key=_is_null))) + _bounds(schema)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object of {_type(values)}"
    return f"{schema.get('format', schema.get('type', 'anything'))}{_bounds(schema)}"


def _is_null(schema: Described) -> bool:
    return schema.get("type") == "null"


def _bounds(schema: Described) -> str:
    match schema:
        case {"minimum": least, "maximum": most} if most < 2**31:
            return f", {least:,.10g} to {most:,.10g}"
        case {"minLength": shortest, "maxLength": longest}:
            return f", {shortest} to {longest} characters"
        case {"maxLength": longest}:
            return f", at most {longest} characters"
    return ""


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))
