"""The HTTP application: every route, and what surrounds them."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.types import ASGIApp, Middleware

from pushpaka_core.application import Application
from pushpaka_core.converters import Judge
from pushpaka_core.domain.custom_domains import NewCustomDomain
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.domain.projects import NewProject, ProjectChanges
from pushpaka_http import openapi
from pushpaka_http.authentication import BearerAuthentication, actor_of, token_of
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.bodies import BodyParser, refuse_needless_body
from pushpaka_http.client_addresses import ClientAddresses
from pushpaka_http.controllers.accounts import AccountController
from pushpaka_http.controllers.archives import ArchiveController
from pushpaka_http.controllers.audit import AuditController
from pushpaka_http.controllers.custom_domains import CustomDomainController
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
from pushpaka_http.controllers.system import SystemController
from pushpaka_http.controllers.tokens import TokenController
from pushpaka_http.controllers.webhooks import WebhookController, receive_delivery
from pushpaka_http.cross_origin import CrossOrigin
from pushpaka_http.dashboard.pages import DashboardController
from pushpaka_http.dependencies import given, hand_over_in_turn
from pushpaka_http.deployment_events import MoveWatch
from pushpaka_http.errors import HANDLERS
from pushpaka_http.gate import Gate, give_time
from pushpaka_http.metrics import Metrics
from pushpaka_http.middleware import Methods, Surroundings
from pushpaka_http.parameters import check_parameters
from pushpaka_http.rate_limits import Limits, RateLimits
from pushpaka_http.watching import LogWatch, TokenWatch, Waiting, Watch, Watchers
from pushpaka_http.websockets import LogSocket


def create_app(
    application: Application,
    *,
    limits: Limits | None = None,
    allowed_origins: Sequence[str] = (),
    trusted_proxies: Sequence[IPNetwork] = (),
    metrics_token: str | None = None,
    router_token: str | None = None,
    dashboard: bool = True,
) -> Litestar:
    """
    Return the API of *application* as an ASGI application, to be served or mounted.

    Args:
        application: What the routes act on; who opened it closes it.
        limits: What one client may take.
        allowed_origins: Pages of other origins that may use the API from a browser.
        trusted_proxies: The networks of the proxies whose X-Forwarded-For is believed.
        metrics_token: The Bearer that /metrics asks for; None shows it to everybody.
        router_token: The Bearer by which routers fetch the route table; None has no table.
        dashboard: Whether the web page is served beside the API.
    """
    limits = limits or Limits()
    metrics, client_addresses = Metrics(), ClientAddresses(trusted_proxies)
    rate_limits = RateLimits(limits, application.rate_counters)
    watchers = Watchers(limits.watchers_per_user, metrics)
    token_watch = TokenWatch(application.accounts, limits.watch_check_seconds)
    watch = Watch(tokens=token_watch, limits=limits, lifetime=application.lifetime)
    log_watch = LogWatch(watch=watch, logs=application.logs, limits=limits, metrics=metrics)
    move_watch = MoveWatch(
        watch=watch,
        deployments=application.deployments,
        addresses=application.addresses,
        limits=limits,
    )
    log_socket = LogSocket(
        accounts=application.accounts,
        rate_limits=rate_limits,
        watch=log_watch,
        watchers=watchers,
        allowed_origins=allowed_origins,
    )

    def client_network(request: Request[Any, Any, Any]) -> str:
        return client_addresses.network_of(request.scope)

    app = Litestar(
        route_handlers=[
            _api(application, limits, rate_limits),
            _uploads(application, limits, rate_limits),
            Router(
                BASE_PATH,
                route_handlers=[watch_log, ask_for_websocket, receive_delivery, PlatformController],
            ),
            PlatformController,
            *([] if router_token is None else [RouteTableController]),
            *([DashboardController] if dashboard else []),
        ],
        dependencies={
            **_services(application),
            "actor": Provide(actor_of, sync_to_thread=False),
            "token": Provide(token_of, sync_to_thread=False),
            "client_network": Provide(client_network, sync_to_thread=False),
            "rate_limits": given(rate_limits),
            "watch": given(log_watch),
            "move_watch": given(move_watch),
            "watchers": given(watchers),
            "waiting": given(Waiting(watchers, token_watch)),
            "log_socket": given(log_socket),
            "metrics": given(metrics),
            "metrics_token": given(metrics_token),
            "router_token": given(router_token),
        },
        dto=BodyParser.asking(_judges(application), most_depth=limits.body_depth),
        return_dto=None,
        exception_handlers=HANDLERS,
        request_max_body_size=limits.body_size,
        openapi_config=openapi.CONFIG,
        plugins=[openapi.ChangesPlugin(), openapi.ErrorsPlugin()],
        logging_config=None,
    )
    hand_over_in_turn(app)
    methods = Methods(app.asgi_handler, _allowed_methods(app))
    gate: ASGIApp = Gate(methods, limits)
    if allowed_origins:
        gate = CrossOrigin(gate, frozenset(allowed_origins))
    app.asgi_handler = Surroundings(gate, metrics, client_addresses)
    return app


def _api(application: Application, limits: Limits, rate_limits: RateLimits) -> Router:
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
            WebhookController,
            NotificationController,
            AuditController,
            SystemController,
        ],
        middleware=[_authentication(application, rate_limits)],
        before_request=_in_turn(
            check_parameters, partial(refuse_needless_body, most_depth=limits.body_depth)
        ),
    )


def _uploads(application: Application, limits: Limits, rate_limits: RateLimits) -> Router:
    """Return what takes bodies that are long, and no JSON."""
    return Router(
        BASE_PATH,
        route_handlers=[ArchiveController],
        middleware=[_authentication(application, rate_limits)],
        before_request=_in_turn(
            check_parameters, partial(give_time, seconds=limits.archive_seconds)
        ),
        request_max_body_size=limits.archive_size,
    )


def _in_turn(
    *checks: Callable[[Request[Any, Any, Any]], Awaitable[None]],
) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    async def check(request: Request[Any, Any, Any]) -> None:
        for each in checks:
            await each(request)

    return check


def _authentication(application: Application, rate_limits: RateLimits) -> Middleware:
    def authenticated(app: ASGIApp) -> ASGIApp:
        return BearerAuthentication(app, accounts=application.accounts, rate_limits=rate_limits)

    return authenticated


def _allowed_methods(app: Litestar) -> dict[str, str]:
    """Return the methods of each route; HEAD goes with GET."""
    taken = {route.path_format: set(route.methods) for route in app.routes}
    return {
        path: ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
        for path, methods in taken.items()
    }


def _judges(application: Application) -> dict[type, Judge]:
    return {
        NewProject: application.projects.problems_in,
        ProjectChanges: application.projects.problems_in,
        NewCustomDomain: application.custom_domains.problems_in,
    }


def _services(application: Application) -> dict[str, Provide]:
    return {
        "accounts": given(application.accounts),
        "api_tokens": given(application.api_tokens),
        "projects": given(application.projects),
        "members": given(application.members),
        "invitations": given(application.invitations),
        "deployments": given(application.deployments),
        "archives": given(application.archives),
        "plans": given(application.plans),
        "serving": given(application.serving),
        "logs": given(application.logs),
        "env_vars": given(application.env_vars),
        "deploy_keys": given(application.deploy_keys),
        "custom_domains": given(application.custom_domains),
        "webhooks": given(application.webhooks),
        "notifications": given(application.notifications),
        "deliveries": given(application.deliveries),
        "audit": given(application.audit),
        "health": given(application.health),
        "system": given(application.system),
        "addresses": given(application.addresses),
        "route_tables": given(application.route_tables),
    }
