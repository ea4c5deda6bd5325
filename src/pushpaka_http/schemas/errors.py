"""Error responses."""

from collections.abc import Mapping, Sequence
from typing import Self

from attrs import frozen


@frozen(kw_only=True, slots=False)
class ProblemResponse:
    """Why one field is invalid."""

    field: str
    """Name of the field or parameter."""
    message: str
    """What is wrong, as a clause such as "must be a whole number from 1 to 100"."""


@frozen(kw_only=True, slots=False)
class ErrorResponse:
    """The body of every error response."""

    error: str
    """What happened and what to do, in sentences for users."""
    code: str
    """Code for programs, for example "not_found"."""
    request_id: str
    """Id of the request in the server log. Include it in bug reports."""


@frozen(kw_only=True, slots=False)
class InvalidInputResponse(ErrorResponse):
    """The body of a 400 response, with every invalid field."""

    details: Sequence[ProblemResponse]
    """Every invalid field of the request."""

    @classmethod
    def of(cls, error: ErrorResponse, problems: Mapping[str, str]) -> Self:
        """Return *error* with *problems*, which are messages by field name."""
        return cls(
            error=error.error,
            code=error.code,
            request_id=error.request_id,
            details=[ProblemResponse(field=f, message=text) for f, text in problems.items()],
        )
