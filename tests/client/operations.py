"""What the client sends, method by method, and what the description of the API says about it."""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
from attrs import field, frozen
from tests.http.instances import Instance

from pushpaka_core.domain.rules import Unchanged
from pushpaka_http.app import create_app
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.client import Client, Retries

DOCUMENT: Mapping[str, Any] = create_app(Instance.empty().application).openapi_schema.to_schema()
BESIDE = {"deployments.all", "deployments.wait", "projects.find"}
"""Methods that are no operation, but made of others."""
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


class Sent(Exception):  # noqa: N818  # it is no error
    """A request, which goes no further."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__()
        self.request = request


@frozen(kw_only=True)
class Method:
    """A method of the client that is an operation."""

    name: str
    """With its namespace, as in `projects.create`."""
    _function: Callable[..., Any] = field(repr=False)

    @property
    def ids(self) -> list[str]:
        """Return the names of what it takes by position."""
        return [one.name for one in self._parameters if one.kind is one.POSITIONAL_OR_KEYWORD]

    @property
    def keywords(self) -> dict[str, Any]:
        """Return what it takes by keyword, with the types."""
        hints = get_type_hints(self._function)
        named = (one.name for one in self._parameters if one.kind is one.KEYWORD_ONLY)
        return {name: hints[name] for name in named}

    @property
    def required(self) -> set[str]:
        """Return what must be given by keyword."""
        return {
            one.name
            for one in self._parameters
            if one.kind is one.KEYWORD_ONLY and one.default is one.empty
        }

    @property
    def returns(self) -> Any:
        """Return the type of its answer."""
        return get_type_hints(self._function)["return"]

    def send(self, *names: str) -> httpx.Request:
        """Return the request that it makes with its ids and these keywords."""
        ids = [f"the-{name}" for name in self.ids]
        given = {name: _sample(self.keywords[name]) for name in names}
        try:
            answer = self._function(*ids, **given)
            list(answer)
        except Sent as sent:
            return sent.request
        raise AssertionError(f"{self.name} sends nothing")

    @property
    def key(self) -> tuple[str, str]:
        """Return what the description knows it by, but for the names of ids."""
        request = self.send(*self.required)
        path = unquote(request.url.path)
        return request.method, re.sub(r"the-\w+", "{}", path)

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self._function).parameters.values())


def methods() -> list[Method]:
    """Return all methods that are operations."""
    transport = httpx.MockTransport(_stop)
    client = Client("http://localhost", transport=transport, retries=Retries(total=0))
    return [
        Method(name=f"{namespace}.{name}", function=function)
        for namespace, kind in vars(Client).items()
        if isinstance(kind, cached_property)
        for name, function in inspect.getmembers(getattr(client, namespace), inspect.ismethod)
        if not name.startswith("_") and f"{namespace}.{name}" not in BESIDE
    ]


def _stop(request: httpx.Request) -> httpx.Response:
    raise Sent(request)


def _sample(annotation: Any) -> Any:
    kinds = [kind for kind in _members(annotation) if kind is not Unchanged]
    for kind in kinds:
        if kind in _SAMPLES:
            return _SAMPLES[kind]
    return {"A": "1"}


def _members(annotation: Any) -> list[Any]:
    members = get_args(annotation) if _is_union(annotation) else (annotation,)
    return [kind for kind in members if kind is not NoneType]


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


@frozen(kw_only=True)
class Described:
    """An operation of the description."""

    method: str
    path: str
    _operation: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Return what a test of it is called."""
        return f"{self.method} {self.path.removeprefix(BASE_PATH)}"

    @property
    def key(self) -> tuple[str, str]:
        """Return what tells it from others, but for the names of ids."""
        return self.method, re.sub(r"{\w+}", "{}", self.path)

    @property
    def ids(self) -> list[str]:
        """Return the names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def query(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the schemas of the query's parameters."""
        return {one["name"]: one["schema"] for one in self._parameters("query")}

    @property
    def headers(self) -> set[str]:
        """Return the headers that it takes."""
        return {one["name"] for one in self._parameters("header")}

    @property
    def body(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the schemas of the body's fields."""
        return dict(self._body.get("properties", {}))

    @property
    def required(self) -> set[str]:
        """Return what must be there, in the query or in the body."""
        queried = {one["name"] for one in self._parameters("query") if one["required"]}
        return queried | set(self._body.get("required", ()))

    @property
    def answer(self) -> str:
        """Return what it answers: the name of an object, or the type of the content."""
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
        return resolved(schema) if schema else {}

    def _parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [one for one in self._operation.get("parameters", ()) if one["in"] == place]


def described() -> list[Described]:
    """Return the operations below the path of the API; those at the root are the same."""
    return [
        Described(method=method.upper(), path=path, operation=operation)
        for path, item in DOCUMENT["paths"].items()
        if path.startswith(BASE_PATH)
        for method, operation in item.items()
    ]


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what *schema* refers to."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def answer_name(kind: Any) -> str:
    """Return how the description calls an answer of this type."""
    if kind is str:
        return "text/plain"
    inner = "".join(f"[{argument.__name__}]" for argument in get_args(kind))
    return f"{getattr(kind, '__origin__', kind).__name__}{inner}"


def json_types(annotation: Any) -> set[str]:
    """Return the types that a parameter of the client has in JSON."""
    return set(_json_types(annotation))


def _json_types(annotation: Any) -> Iterator[str]:
    for kind in _members(annotation):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            yield "string"
        elif kind is not Unchanged:
            yield _JSON_TYPES.get(kind, "object")


def described_types(schema: Mapping[str, Any]) -> set[str]:
    """Return the types that a parameter has in the description."""
    found = resolved(schema)
    if options := found.get("oneOf") or found.get("anyOf"):
        return {kind for option in options for kind in described_types(option)}
    kind = found.get("type", "string")
    return {kind} - {"null"} if isinstance(kind, str) else set(kind) - {"null"}


def words(schema: Mapping[str, Any]) -> set[str]:
    """Return the words among which a parameter has to be, where there are such."""
    found = resolved(schema)
    options = found.get("oneOf") or found.get("anyOf") or ()
    inner = {word for option in options for word in words(option)}
    return inner | {word for word in found.get("enum", ()) if word is not None}


def words_of(annotation: Any) -> set[str]:
    """Return the words that the client knows for a parameter."""
    kinds = [kind for kind in _members(annotation) if isinstance(kind, type)]
    return {str(word) for kind in kinds if issubclass(kind, StrEnum) for word in kind}


def fields_of(request: httpx.Request) -> set[str]:
    """Return the names of the fields in the body of a request."""
    return set(json.loads(request.content)) if request.content else set()


def _content_name(content_type: str, content: Mapping[str, Any]) -> str:
    reference = content.get("schema", {}).get("$ref")
    return content_type.partition(";")[0] if reference is None else _object_name(reference)


def _object_name(reference: str) -> str:
    name = reference.rpartition("/")[2]
    container, _, inner = name.partition("_")
    if not inner:
        return container
    items = resolved({"$ref": reference})["properties"]["data"]["items"]
    return f"{container}[{_object_name(items['$ref'])}]"
