"""The pages of the HTTP API, from its own description and from the table of who may do what."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from docs.generator.markdown import code, table
from tests.http.instances import Instance
from tests.http.operations import Operation, rows

from pushpaka_core.domain.access import Scope
from pushpaka_http.app import create_app

Described = Mapping[str, Any]
TAGS = (
    *("auth", "tokens", "projects", "deployments", "logs", "events"),
    *("environment variables", "domains", "webhooks", "notifications", "teams"),
    *("audit", "system", "platform"),
)
"""In the order in which they are needed."""
_BASE = "/api/v1"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SCOPES: Mapping[Scope | None, str] = {
    None: "everybody",
    Scope.READ: "scope `read` or more",
    Scope.DEPLOY: "scope `deploy` or more",
    Scope.FULL: "scope `full`",
    Scope.SIGNED_IN: "signed in by password, no API token",
}


@cache
def description() -> Described:
    """Return the OpenAPI document."""
    document: Described = create_app(Instance.empty().application).openapi_schema.to_schema()
    return document


def operations(_words: str = "") -> str:
    """Return a section for each tag, with all of its operations."""
    told = {tag for _, _, operation in _all() for tag in operation["tags"]}
    if unknown := told.symmetric_difference(TAGS):
        raise LookupError(f"docs.generator.api.TAGS and the API differ in {unknown}.")
    return "\n\n".join(_section(tag) for tag in TAGS)


def schemas(_words: str = "") -> str:
    """Return a section for each object that the operations take or answer."""
    objects = description()["components"]["schemas"]
    return "\n\n".join(_schema(name, objects[name]) for name in sorted(objects, key=_title))


def _all() -> Iterator[tuple[str, str, Described]]:
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _section(tag: str) -> str:
    found = [
        (path, _METHODS.index(method), operation)
        for method, path, operation in _all()
        if tag in operation["tags"] and not (path.startswith(_BASE) and tag == "platform")
    ]
    ordered = sorted(found, key=lambda place: place[:2])
    parts = [_operation(_METHODS[method], path, operation) for path, method, operation in ordered]
    return "\n\n".join([f"## {tag.capitalize()}", *parts])


def _operation(method: str, path: str, operation: Described) -> str:
    parts = [
        f"### {method} {path.removeprefix(_BASE)}",
        operation.get("description", operation.get("summary", "")),
        f"Who may: {_who(method, path)}.",
    ]
    if parameters := operation.get("parameters"):
        parts.append(_parameters(parameters))
    if body := operation.get("requestBody"):
        parts.append(_body(body))
    parts.append(_answers(operation["responses"]))
    return "\n\n".join(part for part in parts if part)


def _who(method: str, path: str) -> str:
    row = _rows().get((method, path))
    if row is None:
        return "see the text"
    role = f", {code(row.role)} of the project or more" if row.role else ""
    return f"{_SCOPES[row.scope]}{role}{', an administrator' if row.admin else ''}"


@cache
def _rows() -> Mapping[tuple[str, str], Operation]:
    return {row.key: row for row in rows()}


def _parameters(parameters: Sequence[Described]) -> str:
    head = ["Parameter", "In", "Type", "Default", "Meaning"]
    cells = [
        [
            code(parameter["name"]),
            parameter["in"],
            _type(parameter["schema"]),
            _default(parameter["schema"]),
            parameter.get("description", ""),
        ]
        for parameter in parameters
    ]
    return table(head, cells)


def _body(body: Described) -> str:
    """Return what is sent, with its fields where it has some."""
    told = f"Body: {_content(body)}{'' if body.get('required') else ', may be left out'}."
    schemas = [kind["schema"] for kind in body["content"].values()]
    objects = description()["components"]["schemas"]
    names = [schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema]
    tables = [_fields(objects[name]) for name in names]
    return "\n\n".join([told, *tables])


def _answers(responses: Mapping[str, Described]) -> str:
    good = [
        f"Answers {status}: {_content(response)}."
        for status, response in responses.items()
        if status < "400"
    ]
    bad = ", ".join(code(status) for status in sorted(responses) if status >= "400")
    return "\n\n".join([*good, f"Errors: {bad}." if bad else ""])


def _content(holder: Described) -> str:
    kinds = holder.get("content", {})
    told = [
        _type(kind["schema"]) + ("" if media == "application/json" else f" ({media})")
        for media, kind in kinds.items()
    ]
    return " or ".join(told) or "nothing"


def _schema(name: str, schema: Described) -> str:
    heading = f"## {_title(name)}"
    if choices := schema.get("enum"):
        return f"{heading}\n\nOne of {', '.join(code(str(choice)) for choice in choices)}."
    about = schema.get("description", "")
    return "\n\n".join(part for part in (heading, about, _fields(schema)) if part)


def _fields(schema: Described) -> str:
    required = set(schema.get("required", ()))
    head = ["Field", "Type", "Default", "Meaning"]
    cells = [
        [
            code(field) + (" \\*" if field in required else ""),
            _type(kind),
            _default(kind),
            kind.get("description", ""),
        ]
        for field, kind in schema.get("properties", {}).items()
    ]
    return table(head, cells)


def _title(name: str) -> str:
    """Return a name for people: Litestar names lists after the modules of what is in them."""
    outer, _, inner = name.partition("_")
    return f"{outer} of {inner.rstrip('_').rpartition('.')[2]}" if inner else name


def _type(schema: Described) -> str:
    if reference := schema.get("$ref"):
        title = _title(reference.rpartition("/")[2])
        return f"[{title}](api-objects.md#{title.lower().replace(' ', '-')})"
    if choices := schema.get("enum"):
        return " or ".join(code(str(choice)) for choice in choices)
    if alternatives := schema.get("oneOf") or schema.get("anyOf"):
        kinds = [_type(kind) for kind in alternatives if kind.get("type") != "null"]
        return " or ".join(kinds) + (" or null" if len(kinds) < len(alternatives) else "")
    return _plain_type(schema)


def _plain_type(schema: Described) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return f"object of {_type(schema['additionalProperties'])}"
        case str() as kind:
            return f"{schema.get('format', kind)}{_bounds(schema)}"
    return "anything"


def _bounds(schema: Described) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None and most < 2**31:
        return f", {least:g} to {most:g}"
    if longest := schema.get("maxLength"):
        return f", at most {longest} characters"
    return ""


def _default(schema: Described) -> str:
    return code(str(schema["default"])) if schema.get("default") not in (None, "") else ""
