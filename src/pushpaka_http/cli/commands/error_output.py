"""Prints the errors of commands, as text or as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import click

from pushpaka_core.errors import InvalidInputError, PushpakaError
from pushpaka_http.cli.auth.clients import TOKEN, ClientSettings
from pushpaka_http.cli.ui.output import Output, as_json, escape_lines

if TYPE_CHECKING:
    from pushpaka_http.client import ApiError

_FIELD_NAMES: Mapping[str, str] = {"base_url": "The server URL"}
"""
Names to show for fields of client parameters, which users do not know by their names in the code.
"""


def print_error(error: PushpakaError, output: Output) -> None:
    """Print *error* and its remedy to stderr, with a sentence for each invalid field."""
    from pushpaka_http.client import ApiError

    of_api = error if isinstance(error, ApiError) else None
    if output.is_json:
        lines = [as_json(_api_error_object(of_api) if of_api else _local_error_object(error))]
    else:
        lines = [f"Error: {each}" for each in _problems(error)]
        lines += _remedies(of_api) if of_api else ()
    for text in lines:
        click.echo(escape_lines(text), err=True)


def _api_error_object(error: "ApiError") -> dict[str, object]:
    """Return the error response of the API as an object."""
    document: dict[str, object] = {
        "error": error.message,
        "code": error.code,
        "request_id": error.request_id,
    }
    return {**document, "details": error.details} if error.details else document


def _local_error_object(error: PushpakaError) -> dict[str, object]:
    """Return an error that did not come from the API, in the format of its error responses."""
    return {"error": str(error), "code": "client_error", "request_id": None}


def _problems(error: PushpakaError) -> Sequence[str]:
    """Return a sentence for each invalid field, or the error message if no field is invalid."""
    from pushpaka_http.client import ApiError

    match error:
        case ApiError(details=[_, *_]):
            problems = [(problem.field, problem.message) for problem in error.details]
        case ApiError():
            return [error.message]
        case InvalidInputError():
            problems = list(error.problems.items())
        case _:
            return [str(error)]
    return [f"{_field_name(field)} {clause.removesuffix('.')}." for field, clause in problems]


def _field_name(field: str) -> str:
    return _FIELD_NAMES.get(field, field.removeprefix("variables."))


@contextmanager
def password_remedies(address: str, email: str) -> Iterator[None]:
    """If the server at *address* rejects the password of *email*, add remedies to the error."""
    from pushpaka_http.client import UnauthorizedError

    try:
        yield
    except UnauthorizedError as error:
        error.add_note(f"To test the password, sign in to the dashboard: {address}")
        error.add_note(
            "To reset the password, the operator runs on the server: "
            f"pushpaka users reset-password {email}"
        )
        raise


def _remedies(error: "ApiError") -> Iterator[str]:
    notes = getattr(error, "__notes__", [])
    yield from notes
    if error.status == HTTPStatus.UNAUTHORIZED and not notes:
        if ClientSettings.from_environ().token:
            yield (
                f"{TOKEN} is set and takes precedence over the token of `pushpaka login`. "
                "Correct it, unset it, or use --context."
            )
        yield "Run: pushpaka login"
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.request_id:
        yield f"Request id: {error.request_id}"
