"""Answers to what is no request that a route could see, in the shape of all others."""

from http import HTTPStatus
from uuid import uuid4

import msgspec
from attrs import frozen
from litestar.exceptions import HTTPException

from pushpaka_http.errors import error_for
from pushpaka_http.middleware import SECURITY_HEADERS


@frozen(kw_only=True)
class BareAnswer:
    """An answer as a server sends it, after which it hangs up."""

    status: HTTPStatus
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def bare_answer(status: HTTPStatus) -> BareAnswer:
    """Return what whoever sends something unreadable is told."""
    request_id = uuid4().hex
    body = msgspec.json.encode(error_for(HTTPException(status_code=status), request_id))
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": request_id,
        **SECURITY_HEADERS,
    }
    encoded = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    return BareAnswer(status=status, headers=encoded, body=body)
