"""The OpenAPI document of the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from litestar import Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPI,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import Method

from pushpaka_http.authentication import ANONYMOUS
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.openapi_schemas import paragraphs
from pushpaka_http.schemas.errors import ErrorResponse, InvalidInputResponse

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that change nothing (RFC 9110, section 9.2.1)."""

_RETRY_AFTER = "The Retry-After header says when to try again."
_ERROR_RESPONSES = {
    status: ResponseSpec(
        InvalidInputResponse if status is HTTPStatus.BAD_REQUEST else ErrorResponse,
        description=description,
        generate_examples=False,
    )
    for status, description in {
        HTTPStatus.BAD_REQUEST: "The request is invalid.",
        HTTPStatus.UNAUTHORIZED: "The token is missing, expired or revoked.",
        HTTPStatus.FORBIDDEN: "The user or the token lacks the permission.",
        HTTPStatus.NOT_FOUND: "The object does not exist, or you are not allowed to view it.",
        HTTPStatus.CONFLICT: "The operation is not possible in the current state.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request body is too large.",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The Content-Type is not application/json.",
        HTTPStatus.TOO_MANY_REQUESTS: f"A rate limit is reached. {_RETRY_AFTER}",
        HTTPStatus.SERVICE_UNAVAILABLE: f"Part of the platform is unavailable. {_RETRY_AFTER}",
    }.items()
}


_TAGS = {
    "auth": "Register, sign in and sign out.",
    "tokens": "API tokens that let programs act on behalf of a user.",
    "projects": "Projects, with their settings, deploy keys and archives.",
    "deployments": "Deploy, roll back, promote, restart, stop and cancel.",
    "logs": "Deployment logs, as lists and as streams.",
    "events": "A stream of status changes.",
    "environment variables": "Environment variables, whose values are never returned.",
    "domains": "Custom domains and their verification.",
    "volumes": "Volumes, which keep files across deployments.",
    "snapshots": "Snapshots of volumes, which can be restored into new volumes.",
    "databases": "Databases, whose servers Pushpaka runs.",
    "webhooks": "Webhooks that Git providers use to report pushes.",
    "notifications": "Channels that are notified about deployments.",
    "teams": "Members of projects, their roles, and invitations.",
    "audit": "The audit log.",
    "system": "The state of the instance, for administrators.",
    "platform": "Health checks and metrics.",
}
"""The descriptions of the tags, in the order in which a new user needs the operations."""
_PARAMETERS = {
    "project_id": "Id of the project.",
    "deployment_id": "Id of the deployment.",
    "user_id": "Id of the member.",
    "invitation_id": "Id of the invitation.",
    "token_id": "Id of the API token.",
    "domain_id": "Id of the custom domain.",
    "volume_id": "Id of the volume.",
    "snapshot_id": "Id of the snapshot.",
    "database_id": "Id of the database.",
    "webhook_id": "Id of the webhook.",
    "channel_id": "Id of the notification channel.",
    "sha256": "SHA-256 of the archive, as 64 lowercase hex digits.",
    "key": "Name of the environment variable.",
}
"""The descriptions of parameters that have no description of their own, by name."""


class DocumentPlugin(JsonRenderPlugin):
    """Serves the OpenAPI document only, without Litestar's own error page for other paths."""

    def receive_router(self, router: Router) -> None:
        """Remove all routes of *router* except `/openapi.json`."""
        path = f"{BASE_PATH}/openapi.json"
        router.routes = [route for route in router.routes if route.path == path]


class Document(OpenAPI):
    """The OpenAPI document, with readable schema names and a description of each parameter."""

    def to_schema(self) -> dict[str, Any]:
        """Return the document as JSON."""
        document = super().to_schema()
        schemas = document["components"]["schemas"]
        names = {name: _readable_name(schema["title"]) for name, schema in schemas.items()}
        if len(set(names.values())) < len(names):
            raise LookupError(f"Two of these schemas have the same name: {sorted(names.values())}")
        for name, schema in schemas.items():
            schema["title"] = names[name]
        document["components"]["schemas"] = {names[name]: schemas[name] for name in schemas}
        for path in document["paths"].values():
            for operation in path.values():
                for parameter in operation.get("parameters", ()):
                    parameter.setdefault("description", _PARAMETERS.get(parameter["name"]))
        renamed: dict[str, Any] = _rename_references(document, names)
        return renamed


class DocumentConfig(OpenAPIConfig):
    """Creates a `Document`."""

    def to_openapi_schema(self) -> OpenAPI:
        """Return the document, which has no paths and schemas yet."""
        plain = super().to_openapi_schema()
        return Document(**{each.name: getattr(plain, each.name) for each in fields(plain)})


def _operation_id(
    handler: HTTPRouteHandler, _method: Method, path_components: Sequence[Any]
) -> str:
    """Return the handler's name. Routes at the root, which are aliases, get a suffix."""
    is_of_api = path_components[0] == BASE_PATH.split("/")[1]
    return handler.handler_name if is_of_api else f"{handler.handler_name}_at_root"


CONFIG = DocumentConfig(
    title="Pushpaka",
    version=version("pushpaka"),
    description="Deploys applications from Git repositories, runs them and routes traffic to them.",
    operation_id_creator=_operation_id,
    path=BASE_PATH,
    render_plugins=[DocumentPlugin(path="/openapi.json")],
    components=Components(
        security_schemes={
            "bearer": SecurityScheme(
                type="http",
                scheme="bearer",
                description="The token from POST /auth/login or /auth/register, or an API token.",
            )
        }
    ),
    security=[{"bearer": []}],
    tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
)


@dataclass
class OptionalBodyOperation(Operation):
    """The operation of a route whose body is optional because all its fields are optional."""

    def __post_init__(self) -> None:
        """Mark the request body as optional."""
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


@dataclass
class BinaryBodyOperation(Operation):
    """The operation of a route that receives a file as a raw body."""

    def __post_init__(self) -> None:
        """Set the request body to required binary content."""
        described = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        self.request_body = RequestBody(
            content={"application/octet-stream": OpenAPIMediaType(schema=described)}, required=True
        )


class OperationPlugin(ReceiveRoutePlugin):
    """
    Describes each operation.

    The first line of the handler's docstring is the summary, and the rest is the description. The
    possible error responses are added.
    """

    def receive_route(self, route: BaseRoute) -> None:
        """Describe the handlers of *route*."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                summary, *description = paragraphs(handler.fn.__doc__) or [""]
                handler.summary = summary.removesuffix(".")
                handler.description = "\n\n".join(description) or None
                handler.responses = _errors_of(handler) | dict(handler.responses or {})


def additional_errors(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return the descriptions of *statuses*, for routes with additional error responses."""
    return {status: _ERROR_RESPONSES[status] for status in statuses}


def _errors_of(handler: HTTPRouteHandler) -> dict[int, ResponseSpec]:
    statuses = {HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
    if not ANONYMOUS.items() <= handler.opt.items():
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
        statuses |= {HTTPStatus.TOO_MANY_REQUESTS}
    if not SAFE_METHODS & handler.http_methods:
        statuses |= {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
    if handler.parsed_data_field is not None:
        statuses |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    return {status: _ERROR_RESPONSES[status] for status in sorted(statuses)}


def _readable_name(title: str) -> str:
    """
    Return a short schema name, such as "Project" for "ProjectResponse", or "ProjectList" for a
    list.
    """
    outer, _, inner = title.removesuffix("]").partition("[")
    return inner.removesuffix("Response") + outer.removesuffix("Response")


def _rename_references(value: Any, names: Mapping[str, str]) -> Any:
    """Return *value* with all references to schemas renamed."""
    match value:
        case {"$ref": str(reference), **others}:
            path, _, name = reference.rpartition("/")
            return {"$ref": f"{path}/{names[name]}", **others}
        case dict():
            return {key: _rename_references(inner, names) for key, inner in value.items()}
        case list():
            return [_rename_references(inner, names) for inner in value]
        case _:
            return value
