"""Query parameters and headers that several routes share, and their validation."""

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

from pushpaka_core.converters import parse_id
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import ProjectId, VolumeId
from pushpaka_core.domain.logs.logs import LogLevel, LogStream
from pushpaka_core.domain.projects.env_vars import EnvScope
from pushpaka_core.domain.validation import must_be_one_of
from pushpaka_core.errors import InvalidInputError, NotFoundError

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader represents exactly (RFC 8259, section 6)."""

_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
_PRINTABLE = r"^[\x20-\x7e]*$"
_CHARACTER_SETS = {
    _NO_CONTROLS: "characters, without control characters",
    _PRINTABLE: "printable ASCII characters",
}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")

Limit = Annotated[
    int, QueryParameter(ge=1, le=100, description="Maximum number of items to return.")
]
Offset = Annotated[
    int, QueryParameter(ge=0, le=MAX_SAFE_INTEGER, description="Number of items to skip.")
]
After = Annotated[
    int,
    QueryParameter(
        ge=0,
        le=MAX_SAFE_INTEGER,
        description="Return only lines after the one with this `seq`. 0 returns all lines.",
    ),
]
LineLimit = Annotated[
    int | None,
    QueryParameter(
        ge=1, le=1000, description="Maximum number of lines to return. Defaults to all."
    ),
]
Wait = Annotated[
    int,
    QueryParameter(
        ge=0,
        le=300,
        description="Maximum number of seconds to wait until the deployment is running or final.",
    ),
]
SnapshotWait = Annotated[
    int,
    QueryParameter(
        ge=0,
        le=300,
        description="Maximum number of seconds to wait until the snapshot is available or failed.",
    ),
]
RestoreWait = Annotated[
    int,
    QueryParameter(
        ge=0,
        le=300,
        description="Maximum number of seconds to wait until the files of a snapshot are restored.",
    ),
]
VolumeFilter = Annotated[
    VolumeId | None, QueryParameter(description="Id of a volume. Defaults to all volumes.")
]
FilePath = Annotated[
    str,
    QueryParameter(
        max_length=4095,
        description="File or directory, relative to the volume. Defaults to the whole volume.",
    ),
]
ProjectFilter = Annotated[
    ProjectId | None, QueryParameter(description="Id of a project. Defaults to all projects.")
]
StatusFilter = Annotated[
    DeploymentStatus | None, QueryParameter(description="Return only deployments with this status.")
]
TargetFilter = Annotated[
    str,
    QueryParameter(
        min_length=0,
        max_length=300,
        pattern=_NO_CONTROLS,
        description='Target: "production" or "preview:<branch>". Empty: all targets.',
    ),
]
EnvScopeFilter = Annotated[
    EnvScope | None,
    QueryParameter(name="scope", description="Scope of the variable. Defaults to all scopes."),
]
StreamFilter = Annotated[
    LogStream | None, QueryParameter(description="Return only lines from this stream.")
]
LevelFilter = Annotated[
    LogLevel | None, QueryParameter(description="Return only lines with this level.")
]
WebhookSecret = Annotated[
    str,
    QueryParameter(
        min_length=0,
        max_length=300,
        pattern=_PRINTABLE,
        description="Secret of the webhook, for registries, which cannot sign deliveries.",
    ),
]
SearchText = Annotated[
    str,
    QueryParameter(
        min_length=0,
        max_length=300,
        pattern=_NO_CONTROLS,
        description="Text that the message must contain. An empty value matches all lines.",
    ),
]

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=_PRINTABLE,
        description=(
            "Key that makes retries safe: the same key returns the same deployment for 24 hours."
        ),
    ),
]
LastEventId = Annotated[
    int | None,
    HeaderParameter(
        name="Last-Event-ID",
        ge=0,
        le=MAX_SAFE_INTEGER,
        description="The `seq` of the last line received, to continue after it.",
    ),
]


@frozen
class _Parameter:
    """A path parameter, query parameter or header of a route."""

    name: str
    """The name in the request."""
    kind: type
    definition: ParameterKwarg
    is_required: bool

    def problem(self, values: Sequence[str]) -> str | None:
        """Return why *values*, all values that were sent with this name, are invalid, or None."""
        match values:
            case []:
                return "is required" if self.is_required else None
            case [text]:
                return self._problem_with(text)
            case _:
                return "must be given only once"

    def _problem_with(self, text: str) -> str | None:
        if issubclass(self.kind, StrEnum):
            return None if text in list(self.kind) else must_be_one_of(self.kind)
        if self.kind is UUID:
            return _id_problem(text)
        return self._number_problem(text) if self.kind is int else self._text_problem(text)

    def _number_problem(self, text: str) -> str | None:
        least, most = self.definition.ge or 0, self.definition.le or MAX_SAFE_INTEGER
        if _INTEGER.fullmatch(text) and least <= int(text) <= most:
            return None
        return f"must be a whole number from {least} to {most}"

    def _text_problem(self, text: str) -> str | None:
        pattern = self.definition.pattern or _NO_CONTROLS
        least, most = (
            self.definition.min_length or 0,
            self.definition.max_length or MAX_SAFE_INTEGER,
        )
        if least <= len(text) <= most and re.fullmatch(pattern, text):
            return None
        return f"must have {least} to {most} {_CHARACTER_SETS[pattern]}"


async def validate_parameters(request: Request[Any, Any, Any]) -> None:
    """
    Validate the path, the query and the headers of a request before its handler runs.

    This is not a Litestar guard, because Litestar would copy the handler for each request.

    Raises:
        NotFoundError: If an id in the path is malformed, so that no such object can exist.
        InvalidInputError: If a query parameter is unknown, or if a query parameter or header is
            invalid, missing or repeated. The error lists all of them.
    """
    if request.method == "OPTIONS":
        return
    fields = request.route_handler.parsed_fn_signature.parameters
    for parameter in _parameters(fields, PathParameter):
        if parameter.problem([str(request.path_params[parameter.name])]):
            raise NotFoundError(parameter.name.removesuffix("_id").replace("_", " "))
    query = list(_parameters(fields, QueryParameter))
    results = {p.name: p.problem(request.query_params.getall(p.name, [])) for p in query}
    headers = _parameters(fields, HeaderParameter)
    results |= {p.name: p.problem(request.headers.getall(p.name, [])) for p in headers}
    unknown = sorted(request.query_params.keys() - {p.name for p in query})
    results |= dict.fromkeys(unknown, "is not a known parameter")
    if problems := {name: text for name, text in results.items() if text}:
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
    kind: type = getattr(annotation, "__supertype__", annotation)  # unwraps a NewType
    return kind


def _id_problem(text: str) -> str | None:
    try:
        parse_id(text)
    except ValueError as error:
        return str(error)
    return None
