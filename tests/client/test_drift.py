"""Tests that the client has exactly one method for each operation of the API."""

from collections.abc import Mapping
from functools import cache

import pytest
from tests.client.operations import (
    Method,
    Operation,
    answer_name,
    client_enum_values,
    described_types,
    documented_operations,
    enum_values,
    fields_of,
    json_types,
    methods,
)

METHODS = methods()
KEYS: Mapping[str, tuple[str, str]] = {method.name: method.key for method in METHODS}
RAW = {
    "webhooks.receive": {"content", "headers"},
    "archives.send": {"content"},
    "volumes.upload": {"content"},
}
"""Arguments that are the request body or headers themselves, and not fields or parameters."""
STREAMS = {
    "logs.follow": "text/event-stream",
    "events.follow": "text/event-stream",
    "volumes.download": "application/x-tar",
}
"""The documented content types of operations whose response is a stream."""

each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@cache
def operations() -> Mapping[tuple[str, str], Operation]:
    """Return the documented operations by their HTTP methods and paths."""
    return {operation.key: operation for operation in documented_operations()}


def test_each_operation_has_one_method() -> None:
    """The API and the client have exactly the same operations."""
    assert sorted(operations()) == sorted(KEYS.values())


@each_method
def test_method_has_the_parameters_of_its_operation(method: Method) -> None:
    """Ids in the path are positional arguments. Fields and parameters are keyword arguments."""
    operation = operations()[KEYS[method.name]]
    raw = RAW.get(method.name, set())
    takes_key = "Idempotency-Key" in operation.headers
    schemas = {**operation.body, **operation.query}

    assert operation.ids == method.ids
    assert {*schemas, *raw, *(["idempotency_key"] if takes_key else [])} == set(method.keywords)
    assert operation.required | raw == method.required
    for name, schema in schemas.items():
        assert described_types(schema) == json_types(method.keywords[name]), name
        assert enum_values(schema) == client_enum_values(method.keywords[name]), name


@each_method
def test_a_method_sends_each_argument_in_its_place(method: Method) -> None:
    """Omitted arguments are not sent."""
    operation = operations()[KEYS[method.name]]

    full, least = method.send(*method.keywords), method.send(*method.required)

    if method.name not in RAW:
        assert set(operation.body) == fields_of(full)
        assert set(operation.body) & method.required <= fields_of(least) <= set(operation.body)
    assert set(operation.query) == set(full.url.params)
    assert set(operation.query) & method.required == set(least.url.params)


@each_method
def test_a_method_sends_an_idempotency_key_if_its_operation_takes_one(method: Method) -> None:
    """The client generates a key if the caller passes none."""
    takes_key = "Idempotency-Key" in operations()[KEYS[method.name]].headers

    first, second = method.send(*method.required), method.send(*method.required)

    assert takes_key == ("Idempotency-Key" in first.headers)
    if takes_key:
        assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
        assert "x" == method.send(*method.keywords).headers["Idempotency-Key"]


@each_method
def test_method_returns_the_response_of_its_operation(method: Method) -> None:
    """The types of responses have the same names as in the OpenAPI document."""
    answer = operations()[KEYS[method.name]].answer

    content_type = STREAMS.get(method.name)
    assert answer == (content_type or answer_name(method.returns))
