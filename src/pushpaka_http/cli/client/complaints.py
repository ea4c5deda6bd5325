"""How people and programs are told that a command could not do what it was asked for."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

import click

from pushpaka_core.errors import PushpakaError
from pushpaka_http.cli.client.client_settings import TOKEN, ClientSettings
from pushpaka_http.cli.client.output import Output, as_json, in_lines

if TYPE_CHECKING:
    from pushpaka_http.client import ApiError


def complain(error: PushpakaError, output: Output) -> None:
    """Say on the error stream what went wrong, and what to do."""
    from pushpaka_http.client import ApiError

    of_api = error if isinstance(error, ApiError) else None
    if output.is_json:
        told = [as_json(_document(of_api) if of_api else _own_document(error))]
    else:
        told = [f"Error: {error}"] if of_api is None else list(_sentences(of_api))
    for text in told:
        click.echo(in_lines(text), err=True)


def _document(error: "ApiError") -> dict[str, object]:
    """Return the object that the API has answered with."""
    document: dict[str, object] = {
        "error": error.message,
        "code": error.code,
        "request_id": error.request_id,
    }
    return {**document, "details": error.details} if error.details else document


def _own_document(error: PushpakaError) -> dict[str, object]:
    """Return what went wrong before the API has answered as it would have said it."""
    return {"error": str(error), "code": "not_asked", "request_id": None}


def _sentences(error: "ApiError") -> Iterator[str]:
    yield f"Error: {error.message}"
    for problem in error.details:
        yield f"  {problem.field}: {problem.message}"
    if error.status == HTTPStatus.UNAUTHORIZED:
        if ClientSettings.from_environ().token:
            yield (
                f"{TOKEN} comes before a sign-in, unless --context names one: "
                "give it another token, or unset it."
            )
        yield "Run: pushpaka login"
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.request_id:
        yield f"Request id: {error.request_id}"
