"""The description of the API, for people and for programs that write clients."""

from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from litestar import Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.plugins import OpenAPISchemaPlugin, ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.typing import FieldDefinition

from pushpaka_core.domain.rules import Unchanged
from pushpaka_http.authentication import ANONYMOUS
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.schemas.errors import ErrorResponse, InvalidInputResponse

_READS = frozenset({"GET", "HEAD", "OPTIONS"})

_ERRORS = {
    status: ResponseSpec(
        InvalidInputResponse if status is HTTPStatus.BAD_REQUEST else ErrorResponse,
        description=description,
        generate_examples=False,
    )
    for status, description in {
        HTTPStatus.BAD_REQUEST: "The request is not valid.",
        HTTPStatus.UNAUTHORIZED: "The token is missing, or not good any more.",
        HTTPStatus.FORBIDDEN: "You are known, and may not do this.",
        HTTPStatus.NOT_FOUND: "There is no such thing for you.",
        HTTPStatus.CONFLICT: "It is not possible in the present state.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not said to be JSON.",
        HTTPStatus.TOO_MANY_REQUESTS: "Too many requests: see Retry-After.",
        HTTPStatus.SERVICE_UNAVAILABLE: "A part of the platform is down: see Retry-After.",
    }.items()
}


class DescriptionPlugin(JsonRenderPlugin):
    """Serves the description alone, without Litestar's own pages for what is not there."""

    def receive_router(self, router: Router) -> None:
        """Keep the one route of the description."""
        path = f"{BASE_PATH}/openapi.json"
        router.routes = [route for route in router.routes if route.path == path]


CONFIG = OpenAPIConfig(
    title="Pushpaka",
    version=version("pushpaka"),
    description="Deploys applications from Git repositories, and keeps them running and routed.",
    use_handler_docstrings=True,
    path=BASE_PATH,
    render_plugins=[DescriptionPlugin(path="/openapi.json")],
    components=Components(
        security_schemes={
            "bearer": SecurityScheme(
                type="http",
                scheme="bearer",
                description="The token of POST /auth/login or /auth/register, or an API token.",
            )
        }
    ),
    security=[{"bearer": []}],
)


class ChangesPlugin(OpenAPISchemaPlugin):
    """Describes sets of changes without the mark for what was not said."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Tell whether *value* is a class in which something may be left unsaid."""
        return attrs.has(value) and any(
            field.default is Unchanged.UNCHANGED for field in attrs.fields(value)
        )

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """Describe the fields as what they may be set to; none is required."""
        hints = field_definition.get_type_hints()
        described: Schema = schema_creator.create_component_schema(
            field_definition,
            required=[],
            property_fields={
                name: FieldDefinition.from_kwarg(_said(hint), name) for name, hint in hints.items()
            },
        )
        return described


def close(described: Schema, kind: type[attrs.AttrsInstance]) -> None:
    """Let the description of an input say that it takes no other fields, and null for absent."""
    described.additional_properties = False
    properties = described.properties or {}
    for field in attrs.fields(kind):
        if field.default not in (attrs.NOTHING, None, Unchanged.UNCHANGED):
            properties[field.name] = Schema(
                one_of=[properties[field.name], Schema(type=OpenAPIType.NULL)]
            )


@dataclass
class WithOptionalBody(Operation):
    """Describes a route whose body may be left out, as every field of it may."""

    def __post_init__(self) -> None:
        """Say so."""
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


@dataclass
class WithArchive(Operation):
    """Describes a route that is sent a file as it is."""

    def __post_init__(self) -> None:
        """Say so."""
        described = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        self.request_body = RequestBody(
            content={"application/octet-stream": OpenAPIMediaType(schema=described)}, required=True
        )


class ErrorsPlugin(ReceiveRoutePlugin):
    """Tells of each route which errors it may answer, in the one shape that they have."""

    def receive_route(self, route: BaseRoute) -> None:
        """Add the errors to the description of a route's handlers."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                handler.responses = _errors_of(handler) | dict(handler.responses or {})


def also(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return the description of errors that one route has beside the usual ones."""
    return {status: _ERRORS[status] for status in statuses}


def _errors_of(handler: HTTPRouteHandler) -> dict[int, ResponseSpec]:
    statuses = {HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
    if not ANONYMOUS.items() <= handler.opt.items():
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
        statuses |= {HTTPStatus.TOO_MANY_REQUESTS}
    if not _READS & handler.http_methods:
        statuses |= {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
    if handler.parsed_data_field is not None:
        statuses |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    return {status: _ERRORS[status] for status in sorted(statuses)}


def _said(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    return Union[tuple(member for member in get_args(kind) if member is not Unchanged)]  # noqa: UP007  # of a tuple
