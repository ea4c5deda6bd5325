"""
A typed client for the API.

    with Client("https://deploy.example.com", token="ppk_...") as client:
        project = client.projects.find("shop")

`AsyncClient` has the same methods for `async` and `await`. `pushpaka_http.client.errors` lists the
errors that they raise.
"""

from pushpaka_http.client.asynchronous.client import AsyncClient
from pushpaka_http.client.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    DeploymentTimeoutError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnexpectedResponseError,
    UnreachableError,
)
from pushpaka_http.client.retries import RetryPolicy
from pushpaka_http.client.streams import Ready
from pushpaka_http.client.synchronous.client import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "BadRequestError",
    "Client",
    "ConflictError",
    "DeploymentTimeoutError",
    "ForbiddenError",
    "NotFoundError",
    "Ready",
    "RetryPolicy",
    "ServerError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnexpectedResponseError",
    "UnreachableError",
]
