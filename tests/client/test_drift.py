"""The client asks for what the description of the API offers: all of it, and nothing else."""

from collections.abc import Mapping

import pytest
from tests.client.operations import (
    Described,
    Method,
    answer_name,
    described,
    described_types,
    fields_of,
    json_types,
    methods,
    words,
    words_of,
)

METHODS = methods()
DESCRIBED = described()
BY_KEY: Mapping[tuple[str, str], Described] = {one.key: one for one in DESCRIBED}
KEYS: Mapping[str, tuple[str, str]] = {method.name: method.key for method in METHODS}
SENT = {"webhooks.receive": {"content", "headers"}, "archives.send": {"content"}}
"""What is sent as it is: no field, and no parameter."""
STREAMS = {"logs.follow", "events.follow"}
"""Their operations are described as text alone."""

each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@pytest.mark.parametrize("operation", DESCRIBED, ids=lambda operation: operation.name)
def test_each_operation_has_one_method(operation: Described) -> None:
    """Whatever the API offers, the client has a way to ask for it."""
    asking = [name for name, key in KEYS.items() if key == operation.key]

    assert 1 == len(asking), f"{operation.name} is asked for by {asking or 'no method'}"


@each_method
def test_method_takes_the_ids_of_its_path_by_position(method: Method) -> None:
    """The ids of an address come first, in their order and by their names there."""
    assert _operation(method).ids == method.ids


@each_method
def test_method_takes_the_fields_and_parameters_of_its_operation(method: Method) -> None:
    """Keywords are the fields of the body, the parameters of the query, and the idempotency key."""
    operation = _operation(method)
    offered = {*operation.body, *operation.query, *SENT.get(method.name, ())}
    if "Idempotency-Key" in operation.headers:
        offered.add("idempotency_key")

    assert offered == set(method.keywords)


@each_method
def test_method_requires_what_its_operation_requires(method: Method) -> None:
    """What the API wants to have is asked for by the signature, and nothing else is."""
    assert _operation(method).required | SENT.get(method.name, set()) == method.required


@each_method
def test_method_sends_what_it_is_given_where_it_belongs(method: Method) -> None:
    """Every keyword comes to be a field or a parameter, and what is left out is not sent."""
    operation = _operation(method)

    full, least = method.send(*method.keywords), method.send(*method.required)

    if method.name not in SENT:
        assert set(operation.body) == fields_of(full)
        assert set(operation.body) & method.required <= fields_of(least) <= set(operation.body)
    assert set(operation.query) == set(full.url.params)
    assert set(operation.query) & method.required == set(least.url.params)


@each_method
def test_method_sends_an_idempotency_key_where_one_is_taken(method: Method) -> None:
    """What makes a deployment carries a key, one of its own where none is given."""
    takes_one = "Idempotency-Key" in _operation(method).headers

    first, second = method.send(*method.required), method.send(*method.required)

    assert takes_one == ("Idempotency-Key" in first.headers)
    if takes_one:
        assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
        assert "x" == method.send(*method.keywords).headers["Idempotency-Key"]


@each_method
def test_keywords_are_of_the_described_types(method: Method) -> None:
    """A number is a number on both sides, and the words that one may choose from are the same."""
    operation = _operation(method)
    schemas = {**operation.body, **operation.query}

    for name, schema in schemas.items():
        assert described_types(schema) == json_types(method.keywords[name]), name
        assert words(schema) == words_of(method.keywords[name]), name


@each_method
def test_method_returns_what_its_operation_answers(method: Method) -> None:
    """The object that a method returns is the one that the API describes."""
    answer = _operation(method).answer
    if method.name in STREAMS:
        assert "text/event-stream" == answer
    else:
        assert answer == answer_name(method.returns)


def _operation(method: Method) -> Described:
    key = KEYS[method.name]
    assert key in BY_KEY, f"{method.name} asks for {' '.join(key)}, which is no operation"
    return BY_KEY[key]
