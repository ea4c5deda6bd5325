"""What is asked of an instance, before it is sent."""

from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID, uuid4

from attrs import evolve, field, frozen

from pushpaka_core.domain.rules import UNCHANGED
from pushpaka_core.errors import InvalidInputError

Id = UUID | str
"""The id of something, as an answer has it or as text."""

_SAFE_TO_REPEAT = frozenset({"GET", "PUT", "DELETE"})


@frozen(kw_only=True)
class Call:
    """One request."""

    method: str
    path: str
    """Below the address of the API."""
    query: Mapping[str, str] = field(factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content: bytes | Iterable[bytes] | AsyncIterable[bytes] | None = field(default=None, repr=False)
    """What is sent as it is, where there is no body of JSON."""
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    seconds: float = 0
    """How long it is asked to take."""
    answers: frozenset[int] = frozenset()
    """Statuses of errors that are answers here."""

    @property
    def may_be_repeated(self) -> bool:
        """Tell whether twice is like once."""
        return self.method in _SAFE_TO_REPEAT or "Idempotency-Key" in self.headers

    def resumed(self, after: str) -> Self:
        """Return the call for the events after the one with this id."""
        return evolve(self, query={**self.query, "after": after})


def call(method: str, path: str, *ids: Id, **more: Any) -> Call:
    """Return a call of the *path* in which each `{}` is one of *ids*."""
    return Call(method=method, path=path.format(*map(_segment, ids)), **more)


def queried(**values: object) -> Mapping[str, str]:
    """Return the parameters of a query; None is none."""
    return {name: str(value) for name, value in values.items() if value is not None}


def given(**values: object) -> Mapping[str, Any]:
    """Return the fields of a body; None is none."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def changed(**values: object) -> Mapping[str, Any]:
    """Return the fields of a body of changes; UNCHANGED is none, and None takes a value back."""
    return {name: _plain(value) for name, value in values.items() if value is not UNCHANGED}


def keyed(idempotency_key: str | None) -> Mapping[str, str]:
    """Return the header by which a repeated call makes one deployment."""
    return {"Idempotency-Key": _sendable("idempotency_key", idempotency_key or str(uuid4()))}


def authorized(token: str | None) -> Mapping[str, str]:
    """Return the header that says who asks."""
    return {} if token is None else {"Authorization": f"Bearer {_sendable('token', token)}"}


def _sendable(name: str, value: str) -> str:
    """Return what a header may hold; an error from further below would show all of it."""
    text = value.strip()
    if not text.isascii() or not text.isprintable():
        raise InvalidInputError({name: "must be printable ASCII characters"})
    return text


def _segment(id: Id) -> str:
    """Return *id* as one part of a path, whatever it holds."""
    return quote(str(id), safe="").replace(".", "%2E")


def _plain(value: object) -> Any:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case _:
            return value
