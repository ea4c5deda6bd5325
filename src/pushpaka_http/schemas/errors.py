"""How errors look."""

from collections.abc import Mapping, Sequence
from typing import Self

from attrs import frozen


@frozen(kw_only=True, slots=False)
class ProblemResponse:
    """What is wrong with one field."""

    field: str
    message: str


@frozen(kw_only=True, slots=False)
class ErrorResponse:
    """What went wrong: a sentence for a person, a word for a program, and its id in the log."""

    error: str
    code: str
    request_id: str


@frozen(kw_only=True, slots=False)
class InvalidInputResponse(ErrorResponse):
    """What is wrong with a request, field by field, all at once."""

    details: Sequence[ProblemResponse]

    @classmethod
    def of(cls, error: ErrorResponse, problems: Mapping[str, str]) -> Self:
        """Show the problems by their fields."""
        return cls(
            error=error.error,
            code=error.code,
            request_id=error.request_id,
            details=[ProblemResponse(field=f, message=text) for f, text in problems.items()],
        )
