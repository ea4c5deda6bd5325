"""Query parameters and headers that several routes take, and the guard that refuses others."""

from typing import Annotated, Any

from litestar.connection import ASGIConnection
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, ParameterKwarg, QueryParameter

from pushpaka_core.errors import InvalidInputError

LARGEST = 2**63 - 1
"""The largest number that every database can count to."""

_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"

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
Text = Annotated[str, QueryParameter(max_length=300, pattern=_NO_CONTROLS)]
"""A text to look for; an empty one looks for nothing in particular."""

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=_NO_CONTROLS,
        description="Asking again with the same key gives the same deployment, for 24 hours.",
    ),
]
LastEventId = Annotated[
    int | None,
    HeaderParameter(
        name="Last-Event-ID", ge=0, le=LARGEST, description="The `seq` after which to go on."
    ),
]


async def refuse_unknown_queries(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Refuse a query parameter that the route does not know: a typo must not be lost."""
    known = {
        field.kwarg_definition.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, ParameterKwarg)
        and field.kwarg_definition.param_type is ParamType.QUERY
    }
    if unknown := connection.query_params.keys() - known:
        raise InvalidInputError(dict.fromkeys(sorted(unknown), "is not a known parameter"))
