"""
The typed client of the API.

    with Client("https://deploy.example.com", token="ppk_...") as client:
        project = client.projects.find("shop")

`AsyncClient` is the same with `async` and `await`. Errors are in `pushpaka_http.client.errors`.
"""

from pushpaka_http.client.asynchronous.client import AsyncClient
from pushpaka_http.client.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    NotSettledError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from pushpaka_http.client.events import Ready
from pushpaka_http.client.retries import Retries
from pushpaka_http.client.synchronous.client import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "BadRequestError",
    "Client",
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "NotSettledError",
    "Ready",
    "Retries",
    "ServerError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnexpectedAnswerError",
    "UnreachableError",
]
