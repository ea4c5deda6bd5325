"""The requests of the client's methods, and the operations in the OpenAPI document."""

import inspect
import json
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
from attrs import field, frozen
from tests.http.clients import UNLIMITED
from tests.http.instances import shared_app

from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.client import Client, RetryPolicy

BESIDE = {
    "deployments.all",
    "deployments.wait",
    "deployments.wait_stable",
    "projects.find",
    "snapshots.wait",
}
"""Methods that call other methods, and have no operation of their own."""
_SAMPLES: Mapping[Any, Any] = {
    UUID: uuid4(),
    str: "x",
    int: 1,
    float: 1.5,
    bool: True,
    bytes: b"{}",
    datetime: datetime(2026, 3, 1, tzinfo=UTC),
}
_JSON_TYPES: Mapping[Any, str] = {
    UUID: "string",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "string",
}


@cache
def document() -> Mapping[str, Any]:
    """Return the OpenAPI document. It is cached, because generating it takes a long time."""
    schema: Mapping[str, Any] = shared_app(UNLIMITED).app.openapi_schema.to_schema()
    return schema


class SentRequest(Exception):  # noqa: N818  # it is no error
    """A request that is captured instead of sent."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__()
        self.request = request


@frozen(kw_only=True)
class Method:
    """A client method with an operation."""

    name: str
    """The name with its namespace, as in `projects.create`."""
    _function: Callable[..., Any] = field(repr=False)

    @property
    def ids(self) -> list[str]:
        """Return the names of the positional arguments."""
        return [one.name for one in self._parameters if one.kind is one.POSITIONAL_OR_KEYWORD]

    @property
    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments with their types."""
        hints = get_type_hints(self._function)
        named = [one.name for one in self._parameters if one.kind is one.KEYWORD_ONLY]
        unpacked = [one.name for one in self._parameters if one.kind is one.VAR_KEYWORD]
        settings = [get_type_hints(get_args(hints[name])[0]) for name in unpacked]
        return {name: hints[name] for name in named} | dict(ChainMap(*settings))

    @property
    def required(self) -> set[str]:
        """Return the required keyword arguments."""
        return {
            one.name
            for one in self._parameters
            if one.kind is one.KEYWORD_ONLY and one.default is one.empty
        }

    @property
    def returns(self) -> Any:
        """Return the type of the result."""
        return get_type_hints(self._function)["return"]

    def send(self, *names: str) -> httpx.Request:
        """
        Call the method, and return the request that it would send.

        Args:
            names: The keyword arguments to pass, with sample values. All ids are always passed.
        """
        ids = [f"the-{name}" for name in self.ids]
        given = {name: _sample_value(self.keywords[name]) for name in names}
        try:
            answer = self._function(*ids, **given)
            list(answer)
        except SentRequest as sent:
            return sent.request
        raise AssertionError(f"{self.name} sends nothing")

    @property
    def key(self) -> tuple[str, str]:
        """Return the HTTP method and the path, without the names of ids."""
        request = self.send(*self.required)
        path = unquote(request.url.path)
        return request.method, re.sub(r"the-\w+", "{}", path)

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self._function).parameters.values())


def methods() -> list[Method]:
    """Return all methods that have an operation."""
    transport = httpx.MockTransport(_stop)
    client = Client(
        "http://localhost", transport=transport, retry_policy=RetryPolicy(total_seconds=0)
    )
    return [
        Method(name=f"{namespace}.{name}", function=function)
        for namespace, kind in vars(Client).items()
        if isinstance(kind, cached_property)
        for name, function in inspect.getmembers(getattr(client, namespace), inspect.ismethod)
        if not name.startswith("_") and f"{namespace}.{name}" not in BESIDE
    ]


def _stop(request: httpx.Request) -> httpx.Response:
    raise SentRequest(request)


def _sample_value(annotation: Any) -> Any:
    for kind in _members(annotation):
        if kind in _SAMPLES:
            return _SAMPLES[kind]
        if get_origin(kind) is Sequence:
            return ["x"]
    return {"A": "1"}


def _members(annotation: Any) -> list[Any]:
    members = get_args(annotation) if _is_union(annotation) else (annotation,)
    return [kind for kind in members if kind is not NoneType]


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


@frozen(kw_only=True)
class Operation:
    """An operation of the OpenAPI document."""

    method: str
    path: str
    _operation: Mapping[str, Any] = field(repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """Return the HTTP method and the path without the names of ids."""
        return self.method, re.sub(r"{\w+}", "{}", self.path)

    @property
    def ids(self) -> list[str]:
        """Return the names of the ids in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def query(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the schemas of the query parameters."""
        return {one["name"]: one["schema"] for one in self._parameters("query")}

    @property
    def headers(self) -> set[str]:
        """Return the accepted headers."""
        return {one["name"] for one in self._parameters("header")}

    @property
    def body(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the schemas of the fields in the body."""
        return dict(self._body.get("properties", {}))

    @property
    def required(self) -> set[str]:
        """Return the required parameters and fields."""
        queried = {one["name"] for one in self._parameters("query") if one["required"]}
        return queried | set(self._body.get("required", ()))

    @property
    def answer(self) -> str:
        """Return the name of the response object, or the content type."""
        (answer,) = {
            _content_name(content_type, content)
            for status, response in self._operation["responses"].items()
            if status.startswith("2")
            for content_type, content in response["content"].items()
        }
        return answer

    @property
    def _body(self) -> Mapping[str, Any]:
        content = self._operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        return resolve(schema) if schema else {}

    def _parameters(self, location: str) -> list[Mapping[str, Any]]:
        return [one for one in self._operation.get("parameters", ()) if one["in"] == location]


def documented_operations() -> list[Operation]:
    """Return the operations below the path of the API. Operations at the root are aliases."""
    return [
        Operation(method=method.upper(), path=path, operation=operation)
        for path, item in document()["paths"].items()
        if path.startswith(BASE_PATH)
        for method, operation in item.items()
    ]


def resolve(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema to which *schema* refers, or *schema* itself."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document()["components"]["schemas"][
        schema["$ref"].rpartition("/")[2]
    ]
    return found


def answer_name(response_type: Any) -> str:
    """Return the name of a response type in the document, such as "ProjectList"."""
    if response_type is str:
        return "text/plain"
    names = [*get_args(response_type), get_origin(response_type) or response_type]
    return "".join(each.__name__.removesuffix("Response") for each in names)


def json_types(annotation: Any) -> set[str]:
    """Return the JSON types of a client argument."""
    return set(_json_types(annotation))


def _json_types(annotation: Any) -> Iterator[str]:
    for kind in _members(annotation):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            yield "string"
        elif get_origin(kind) is Sequence:
            yield "array"
        else:
            yield _JSON_TYPES.get(kind, "object")


def described_types(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types of a parameter in the document."""
    found = resolve(schema)
    if options := found.get("oneOf") or found.get("anyOf"):
        return {kind for option in options for kind in described_types(option)}
    kind = found.get("type", "string")
    return {kind} - {"null"} if isinstance(kind, str) else set(kind) - {"null"}


def enum_values(schema: Mapping[str, Any]) -> set[str]:
    """Return the values of an enumeration in the document, or an empty set."""
    found = resolve(schema)
    options = found.get("oneOf") or found.get("anyOf") or ()
    items = [found["items"]] if "items" in found else []
    inner = {word for option in (*options, *items) for word in enum_values(option)}
    return inner | {word for word in found.get("enum", ()) if word is not None}


def client_enum_values(annotation: Any) -> set[str]:
    """Return the values of an enumeration in the client, or an empty set."""
    members = _members(annotation)
    lists = [kind for kind in members if get_origin(kind) is Sequence]
    members += [member for kind in lists for item in get_args(kind) for member in _members(item)]
    kinds = [kind for kind in members if isinstance(kind, type)]
    return {str(word) for kind in kinds if issubclass(kind, StrEnum) for word in kind}


def fields_of(request: httpx.Request) -> set[str]:
    """Return the names of the fields in a request body."""
    return set(json.loads(request.content)) if request.content else set()


def _content_name(content_type: str, content: Mapping[str, Any]) -> str:
    reference = content.get("schema", {}).get("$ref")
    return (reference or content_type.partition(";")[0]).removeprefix("#/components/schemas/")
