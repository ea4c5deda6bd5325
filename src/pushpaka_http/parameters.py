"""Query parameters and headers that several routes take, and what judges all of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any
from uuid import UUID

from attrs import frozen
from litestar import Request
from litestar.params import HeaderParameter, ParameterKwarg, PathParameter, QueryParameter
from litestar.typing import FieldDefinition

from pushpaka_core.converters import read_id
from pushpaka_core.errors import InvalidInputError, NotFoundError

LARGEST = 2**53 - 1
"""The largest number that every reader of JSON can count to without a gap."""

_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
_PRINTABLE = r"^[\x20-\x7e]*$"
_ALPHABETS = {
    _NO_CONTROLS: "characters, none of them a control character",
    _PRINTABLE: "printable ASCII characters",
}
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many to show.")]
Offset = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="How many to pass over.")]
After = Annotated[
    int, QueryParameter(ge=0, le=LARGEST, description="Only lines with a greater `seq`.")
]
LineLimit = Annotated[
    int | None, QueryParameter(ge=1, le=1000, description="How many lines; all where absent.")
]
Wait = Annotated[
    int,
    QueryParameter(
        ge=0, le=300, description="Seconds to wait until the deployment runs or is over."
    ),
]
Text = Annotated[str, QueryParameter(min_length=0, max_length=300, pattern=_NO_CONTROLS)]
"""A text to look for; an empty one looks for nothing in particular."""

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=_PRINTABLE,
        description="Asking again with the same key gives the same deployment, for 24 hours.",
    ),
]
LastEventId = Annotated[
    int | None,
    HeaderParameter(
        name="Last-Event-ID", ge=0, le=LARGEST, description="The `seq` after which to go on."
    ),
]


@frozen
class _Parameter:
    """What a route takes beside its body."""

    name: str
    """As it is written in a request."""
    kind: type
    definition: ParameterKwarg
    is_required: bool

    def problem(self, texts: Sequence[str]) -> str | None:
        """Tell what is wrong with what came under its name, if anything is."""
        match texts:
            case []:
                return "is required" if self.is_required else None
            case [text]:
                return self._judged(text)
            case _:
                return "must be given once"

    def _judged(self, text: str) -> str | None:
        if issubclass(self.kind, StrEnum):
            return None if text in list(self.kind) else f"must be one of {', '.join(self.kind)}"
        if self.kind is UUID:
            return _problem_with_id(text)
        return self._number(text) if self.kind is int else self._text(text)

    def _number(self, text: str) -> str | None:
        least, most = self.definition.ge or 0, self.definition.le or LARGEST
        if _WHOLE_NUMBER.fullmatch(text) and least <= int(text) <= most:
            return None
        return f"must be a whole number from {least} to {most}"

    def _text(self, text: str) -> str | None:
        pattern = self.definition.pattern or _NO_CONTROLS
        least, most = self.definition.min_length or 0, self.definition.max_length or LARGEST
        if least <= len(text) <= most and re.fullmatch(pattern, text):
            return None
        return f"must have {least} to {most} {_ALPHABETS[pattern]}"


async def check_parameters(request: Request[Any, Any, Any]) -> None:
    """
    Judge the address and the headers of a request, before its handler is asked for.

    It is no guard of Litestar's, for which that would copy the handler each time.

    Raises:
        NotFoundError: If an id in the path is none: it names nothing.
        InvalidInputError: That tells of every parameter that is unknown, wrong,
            missing or there twice: a typo must not be lost.
    """
    if request.method == "OPTIONS":
        return
    fields = request.route_handler.parsed_fn_signature.parameters
    for parameter in _parameters(fields, PathParameter):
        if parameter.problem([str(request.path_params[parameter.name])]):
            raise NotFoundError(parameter.name.removesuffix("_id").replace("_", " "))
    query = list(_parameters(fields, QueryParameter))
    told = {p.name: p.problem(request.query_params.getall(p.name, [])) for p in query}
    headers = _parameters(fields, HeaderParameter)
    told |= {p.name: p.problem(request.headers.getall(p.name, [])) for p in headers}
    unknown = sorted(request.query_params.keys() - {p.name for p in query})
    told |= dict.fromkeys(unknown, "is not a known parameter")
    if problems := {name: text for name, text in told.items() if text}:
        raise InvalidInputError(problems)


def _parameters(
    fields: Mapping[str, FieldDefinition], source: type[ParameterKwarg]
) -> Iterator[_Parameter]:
    for name, field in fields.items():
        definition = field.kwarg_definition
        if isinstance(definition, source):
            yield _Parameter(
                definition.name or name, _kind(field), definition, is_required=field.is_required
            )


def _kind(field: FieldDefinition) -> type:
    members = [inner.annotation for inner in field.inner_types] or [field.annotation]
    (annotation,) = (member for member in members if member is not NoneType)
    kind: type = getattr(annotation, "__supertype__", annotation)  # of a NewType
    return kind


def _problem_with_id(text: str) -> str | None:
    try:
        read_id(text)
    except ValueError as error:
        return str(error)
    return None
