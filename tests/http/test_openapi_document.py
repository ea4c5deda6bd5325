"""The OpenAPI document describes every operation, parameter, schema and field in words."""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from litestar.openapi.spec import Components, Info, Schema
from tests.http.clients import UNLIMITED, speaking_to
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.openapi import Document

pytestmark = pytest.mark.anyio

Described = dict[str, Any]

UNLIMITED_TEXTS = {
    ("Credentials", "email"),
    ("Credentials", "password"),
    ("NewPassword", "current_password"),
    ("EnvVarDeletion", "key"),
}
"""Text fields, by schema, that are only compared with stored values, so any length is valid."""


@pytest.fixture(scope="module")
async def document() -> Described:
    """Return the OpenAPI document as the API serves it."""
    async with speaking_to(create_app(Instance.empty().application, limits=UNLIMITED)) as client:
        document: Described = (await client.get("/api/v1/openapi.json")).json()
        return document


def gaps(document: Described) -> Iterator[str]:
    """Yield the names of everything that *document* does not describe."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield from gaps_of_operation(f"{method} {path}", operation)
    tags = [
        tag for item in document["paths"].values() for each in item.values() for tag in each["tags"]
    ]
    described = {tag["name"] for tag in document["tags"] if is_sentence(tag)}
    yield from (f"tag {tag}" for tag in described.symmetric_difference(tags))
    for name, schema in document["components"]["schemas"].items():
        yield from gaps_of_schema(name, schema)
    for name in input_names(document):
        yield from gaps_of_input(name, document["components"]["schemas"][name])


def gaps_of_operation(name: str, operation: Described) -> Iterator[str]:
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*", operation.get("operationId", "")):
        yield f"{name}: operation id"
    if not re.fullmatch(r"[A-Z].*[^.\n]", operation.get("summary", "")):
        yield f"{name}: summary"
    if not is_sentence(operation):
        yield f"{name}: description"
    for parameter in operation.get("parameters", ()):
        if not is_sentence(parameter):
            yield f"{name}: parameter {parameter['name']}"


def gaps_of_schema(name: str, schema: Described) -> Iterator[str]:
    if not re.fullmatch(r"([A-Z][a-z]+)+", name) or name.endswith("Response"):
        yield f"{name}: name"
    if name != schema["title"] or not schema.get("description"):
        yield f"{name}: description"
    for value in schema.get("enum", ()):
        if f"- `{value}`: " not in schema["description"]:
            yield f"{name}: value {value}"
    for field, described in schema.get("properties", {}).items():
        if not is_sentence(described):
            yield f"{name}: field {field}"


def gaps_of_input(name: str, schema: Described) -> Iterator[str]:
    for field, described in schema["properties"].items():
        kinds = [described, *described.get("oneOf", ())]
        limits = {limit for kind in kinds for limit in kind}
        types = {kind.get("type") for kind in kinds}
        if types & {"integer", "number"} and not {"minimum", "maximum"} <= limits:
            yield f"{name}: range of {field}"
        is_limited = limits & {"maxLength", "pattern", "format"} or (name, field) in UNLIMITED_TEXTS
        if "string" in types and not is_limited:
            yield f"{name}: length of {field}"


def is_sentence(schema: Mapping[str, Any]) -> bool:
    return bool(re.fullmatch(r"[A-Z0-9\"`].*\.", schema.get("description", ""), re.DOTALL))


def input_names(document: Described) -> set[str]:
    """Return the names of all schemas of request bodies."""
    schemas = [
        content["schema"]
        for item in document["paths"].values()
        for operation in item.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]
    return {schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema}


def remove_key(*path: str) -> Callable[[Described], object]:
    """Return a function that removes the key at *path* from a document."""

    def remove(document: Described) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return remove


def with_generated_name(document: Described) -> None:
    schemas = document["components"]["schemas"]
    schemas["ListResponse_Project_"] = schemas.pop("ProjectList") | {
        "title": "ListResponse_Project_"
    }


async def test_everything_is_described(document: Described) -> None:
    assert [] == list(gaps(document))


@pytest.mark.parametrize(
    ("damage", "gap"),
    [
        (remove_key("paths", "/health", "get", "operationId"), "get /health: operation id"),
        (remove_key("paths", "/health", "get", "summary"), "get /health: summary"),
        (remove_key("paths", "/health", "get", "description"), "get /health: description"),
        (
            lambda document: document["paths"]["/api/v1/env"]["get"]["parameters"][0].pop(
                "description"
            ),
            "get /api/v1/env: parameter project_id",
        ),
        (
            remove_key("components", "schemas", "Project", "properties", "url", "description"),
            "Project: field url",
        ),
        (remove_key("components", "schemas", "Project", "description"), "Project: description"),
        (
            remove_key("components", "schemas", "NewProject", "properties", "port", "maximum"),
            "NewProject: range of port",
        ),
        (
            remove_key("components", "schemas", "NewProject", "properties", "name", "maxLength"),
            "NewProject: length of name",
        ),
        (
            lambda document: document["components"]["schemas"]["Phase"]["enum"].append("rest"),
            "Phase: value rest",
        ),
        (lambda document: document["tags"].pop(0), "tag auth"),
        (with_generated_name, "ListResponse_Project_: name"),
    ],
)
async def test_a_gap_is_detected(
    document: Described, damage: Callable[[Described], object], gap: str
) -> None:
    document = deepcopy(document)

    damage(document)

    assert [gap] == list(gaps(document))


async def test_every_reference_has_a_schema(document: Described) -> None:
    names = set(re.findall(r"#/components/schemas/([^'\"]+)", str(document)))

    assert names == set(document["components"]["schemas"])


def test_two_schemas_with_the_same_name_are_refused() -> None:
    schemas = {title: Schema(title=title) for title in ("Phase", "PhaseResponse")}
    document = Document(
        info=Info(title="API", version="1"),
        components=Components(schemas=schemas),
        paths={},
        servers=[],
    )

    with pytest.raises(LookupError, match="Phase"):
        document.to_schema()
