"""The ASGI application: routes, dependencies and middleware."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from attrs import fields
from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.types import ASGIApp, Middleware

from pushpaka_core.container.application import Application
from pushpaka_core.converters import Validator
from pushpaka_core.domain.databases.databases import NewDatabase
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.domain.projects.projects import NewProject, ProjectChanges
from pushpaka_core.domain.routing.custom_domains import NewCustomDomain
from pushpaka_core.domain.routing.hosts import ANY_HOST
from pushpaka_core.domain.volumes.volumes import NewVolume, VolumeChanges
from pushpaka_http import openapi
from pushpaka_http.authentication import BearerAuthentication, actor_of, token_of
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.bodies import BodyParser, reject_unexpected_body
from pushpaka_http.controllers.accounts import AccountController
from pushpaka_http.controllers.archives import ArchiveController
from pushpaka_http.controllers.audit import AuditController
from pushpaka_http.controllers.custom_domains import CustomDomainController
from pushpaka_http.controllers.databases import DatabaseController
from pushpaka_http.controllers.deploy_keys import DeployKeyController
from pushpaka_http.controllers.deployments import DeploymentController
from pushpaka_http.controllers.env_vars import EnvVarController
from pushpaka_http.controllers.events import EventController
from pushpaka_http.controllers.invitations import (
    InvitationController,
    ProjectInvitationController,
)
from pushpaka_http.controllers.logs import LogController, ask_for_websocket, watch_log
from pushpaka_http.controllers.members import MemberController
from pushpaka_http.controllers.notifications import NotificationController
from pushpaka_http.controllers.platform import PlatformController
from pushpaka_http.controllers.projects import ProjectController
from pushpaka_http.controllers.route_tables import RouteTableController
from pushpaka_http.controllers.snapshots import SnapshotController
from pushpaka_http.controllers.system import SystemController
from pushpaka_http.controllers.tokens import TokenController
from pushpaka_http.controllers.volume_files import VolumeFileController
from pushpaka_http.controllers.volumes import VolumeController
from pushpaka_http.controllers.webhooks import WebhookController, receive_delivery
from pushpaka_http.dashboard.pages import DashboardController
from pushpaka_http.dependencies import injected, resolve_dependencies_sequentially
from pushpaka_http.errors import EXCEPTION_HANDLERS, allow_header
from pushpaka_http.metrics import Metrics
from pushpaka_http.middleware.allowed_hosts import AllowedHosts
from pushpaka_http.middleware.client_addresses import ClientAddresses
from pushpaka_http.middleware.cross_origin import CorsMiddleware
from pushpaka_http.middleware.rate_limits import Limits, RateLimiter
from pushpaka_http.middleware.request_limits import RequestLimiter, set_body_timeout
from pushpaka_http.middleware.request_log import MethodMiddleware, RequestLogMiddleware
from pushpaka_http.openapi_schemas import DescriptionPlugin
from pushpaka_http.parameters import validate_parameters
from pushpaka_http.streaming.deployment_events import DeploymentStreamer
from pushpaka_http.streaming.streams import (
    LogStreamer,
    LongPolling,
    Streamer,
    StreamLimiter,
    TokenRechecker,
)
from pushpaka_http.streaming.websockets import LogWebSocket


def create_app(
    application: Application,
    *,
    limits: Limits | None = None,
    allowed_origins: Sequence[str] = (),
    allowed_hosts: Sequence[str] = (ANY_HOST,),
    trusted_proxies: Sequence[IPNetwork] = (),
    metrics_token: str | None = None,
    router_token: str | None = None,
    dashboard: bool = True,
) -> Litestar:
    """
    Return the HTTP API as an ASGI application, to be served or mounted in another one.

    Args:
        application: The services behind the routes. The caller opens and closes it.
        limits: Rate limits, sizes and timeouts. Defaults to `Limits()`.
        allowed_origins: Origins of other web pages that may call the API from a browser (CORS).
        allowed_hosts: Host names accepted in the Host header, besides IP addresses. By default
            every name is accepted, because an embedding application may check them itself.
        trusted_proxies: Networks of the proxies whose X-Forwarded-For header is trusted.
        metrics_token: The bearer token that `/metrics` requires, or None to make it public.
        router_token: The bearer token with which routers fetch the route table, or None to serve
            no route table.
        dashboard: Whether to serve the dashboard as well.
    """
    limits = limits or Limits()
    metrics, client_addresses = (
        Metrics(),
        ClientAddresses(trusted_proxies, application.router_secret),
    )
    rate_limiter = RateLimiter(limits, application.rate_counters)
    stream_limiter = StreamLimiter(limits.streams_per_user, metrics)
    token_rechecker = TokenRechecker(application.accounts, limits.stream_recheck_seconds)
    streamer = Streamer(
        tokens=token_rechecker, limits=limits, shutdown_signal=application.shutdown_signal
    )
    log_streamer = LogStreamer(
        streamer=streamer, logs=application.logs, limits=limits, metrics=metrics
    )
    deployment_streamer = DeploymentStreamer(
        streamer=streamer,
        deployments=application.deployments,
        public_urls=application.addresses,
        limits=limits,
    )
    log_web_socket = LogWebSocket(
        accounts=application.accounts,
        rate_limiter=rate_limiter,
        log_streamer=log_streamer,
        stream_limiter=stream_limiter,
        allowed_origins=allowed_origins,
    )

    def client_network(request: Request[Any, Any, Any]) -> str:
        return client_addresses.network_of(request.scope)

    def is_forwarded(request: Request[Any, Any, Any]) -> bool:
        return client_addresses.is_forwarded(request.scope)

    app = Litestar(
        route_handlers=[
            _api_router(application, limits, rate_limiter),
            _upload_router(application, limits, rate_limiter),
            Router(
                BASE_PATH,
                route_handlers=[watch_log, ask_for_websocket, receive_delivery, PlatformController],
            ),
            PlatformController,
            *([] if router_token is None else [RouteTableController]),
            *([DashboardController] if dashboard else []),
        ],
        dependencies={
            **_service_dependencies(application),
            "public_urls": injected(application.addresses),
            "actor": Provide(actor_of, sync_to_thread=False),
            "token": Provide(token_of, sync_to_thread=False),
            "client_network": Provide(client_network, sync_to_thread=False),
            "is_forwarded": Provide(is_forwarded, sync_to_thread=False),
            "rate_limiter": injected(rate_limiter),
            "log_streamer": injected(log_streamer),
            "deployment_streamer": injected(deployment_streamer),
            "stream_limiter": injected(stream_limiter),
            "long_polling": injected(LongPolling(stream_limiter, token_rechecker)),
            "log_web_socket": injected(log_web_socket),
            "metrics": injected(metrics),
            "metrics_token": injected(metrics_token),
            "router_token": injected(router_token),
        },
        dto=BodyParser.with_validators(_validators(application), max_depth=limits.body_depth),
        return_dto=None,
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=limits.body_size,
        openapi_config=openapi.CONFIG,
        plugins=[DescriptionPlugin(), openapi.OperationPlugin()],
        logging_config=None,
    )
    resolve_dependencies_sequentially(app)
    method_middleware = MethodMiddleware(app.asgi_handler, _allowed_methods(app))
    gate: ASGIApp = RequestLimiter(method_middleware, limits, AllowedHosts.of(allowed_hosts))
    if allowed_origins:
        gate = CorsMiddleware(gate, frozenset(allowed_origins))
    app.asgi_handler = RequestLogMiddleware(gate, metrics, client_addresses)
    return app


def _api_router(application: Application, limits: Limits, rate_limiter: RateLimiter) -> Router:
    return Router(
        BASE_PATH,
        route_handlers=[
            AccountController,
            TokenController,
            ProjectController,
            MemberController,
            ProjectInvitationController,
            InvitationController,
            DeployKeyController,
            DeploymentController,
            LogController,
            EventController,
            EnvVarController,
            CustomDomainController,
            VolumeController,
            DatabaseController,
            SnapshotController,
            WebhookController,
            NotificationController,
            AuditController,
            SystemController,
        ],
        middleware=[_authentication_middleware(application, rate_limiter)],
        before_request=_combine_checks(
            validate_parameters, partial(reject_unexpected_body, max_depth=limits.body_depth)
        ),
    )


def _upload_router(application: Application, limits: Limits, rate_limiter: RateLimiter) -> Router:
    """Return the router for uploads, whose bodies are large and not JSON."""
    return Router(
        BASE_PATH,
        route_handlers=[ArchiveController, VolumeFileController],
        middleware=[_authentication_middleware(application, rate_limiter)],
        before_request=_combine_checks(
            validate_parameters, partial(set_body_timeout, seconds=limits.archive_seconds)
        ),
        request_max_body_size=limits.archive_size,
    )


def _combine_checks(
    *checks: Callable[[Request[Any, Any, Any]], Awaitable[None]],
) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    async def check(request: Request[Any, Any, Any]) -> None:
        for each in checks:
            await each(request)

    return check


def _authentication_middleware(application: Application, rate_limiter: RateLimiter) -> Middleware:
    def wrap(app: ASGIApp) -> ASGIApp:
        return BearerAuthentication(app, accounts=application.accounts, rate_limiter=rate_limiter)

    return wrap


def _allowed_methods(app: Litestar) -> dict[str, str]:
    """Return the Allow header of each route by path template."""
    return {route.path_format: allow_header(route.methods) for route in app.routes}


def _validators(application: Application) -> dict[type, Validator]:
    return {
        NewProject: application.projects.validate_settings,
        ProjectChanges: application.projects.validate_settings,
        NewCustomDomain: application.custom_domains.validate,
        NewVolume: application.volumes.validate,
        VolumeChanges: application.volumes.validate,
        NewDatabase: application.databases.validate,
    }


def _service_dependencies(application: Application) -> dict[str, Provide]:
    """Return the services for handlers, under the names of their fields in `Application`."""
    return {each.name: injected(getattr(application, each.name)) for each in fields(Application)}
