"""Descriptions of API calls, which a connection sends as HTTP requests."""

from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID, uuid4

from attrs import evolve, field, frozen

from pushpaka_core.errors import InvalidInputError

Id = UUID | str
"""The id of an object, as in a response or as a string."""

_SAFE_TO_REPEAT = frozenset({"GET", "PUT", "DELETE"})


@frozen(kw_only=True)
class Call:
    """An API call."""

    method: str
    path: str
    """The path below the base URL of the API."""
    query: Mapping[str, str] = field(factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content: bytes | Iterable[bytes] | AsyncIterable[bytes] | None = field(default=None, repr=False)
    """A raw request body, in place of the JSON `body`."""
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    wait_seconds: float = 0
    """Seconds that the server may wait before it responds, added to the read timeout."""
    accepted_statuses: frozenset[int] = frozenset()
    """Error statuses for which this call returns the response body instead of raising an error."""

    @property
    def is_idempotent(self) -> bool:
        """Return True if the call is idempotent and may be retried after any failure."""
        return self.method in _SAFE_TO_REPEAT or "Idempotency-Key" in self.headers

    def resume_after(self, after: str) -> Self:
        """Return the call that continues a stream after the event with the id *after*."""
        return evolve(self, query={**self.query, "after": after})


def call(method: str, path: str, *ids: Id, **fields: Any) -> Call:
    """Return a call. Each `{}` in *path* is replaced with the next item of *ids*."""
    return Call(method=method, path=path.format(*map(_path_segment, ids)), **fields)


def query_params(**values: object) -> Mapping[str, str]:
    """Return the query parameters that are not None."""
    return {name: str(value) for name, value in values.items() if value is not None}


def json_body(**values: object) -> Mapping[str, Any]:
    """Return a JSON body of the fields that are not None."""
    return {name: _json_value(value) for name, value in values.items() if value is not None}


def idempotency_headers(idempotency_key: str | None) -> Mapping[str, str]:
    """
    Return an Idempotency-Key header, so that a retried call creates only one deployment.

    Raises:
        InvalidInputError: If the key is not printable ASCII.
    """
    return {"Idempotency-Key": _header_value("idempotency_key", idempotency_key or str(uuid4()))}


def authorization_headers(token: str | None) -> Mapping[str, str]:
    """
    Return the Authorization header, or no header if *token* is None.

    Raises:
        InvalidInputError: If the token is not printable ASCII.
    """
    return {} if token is None else {"Authorization": f"Bearer {_header_value('token', token)}"}


def _header_value(name: str, value: str) -> str:
    """
    Return *value* if it is valid in a header. An error from httpx would reveal the whole
    value.
    """
    text = value.strip()
    if not text.isascii() or not text.isprintable():
        raise InvalidInputError({name: "must be printable ASCII characters"})
    return text


def _path_segment(id: Id) -> str:
    """Return *id* escaped as a single path segment."""
    return quote(str(id), safe="").replace(".", "%2E")


def _json_value(value: object) -> Any:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(name): _json_value(inner) for name, inner in value.items()}
        case _:
            return value
