"""A whole instance in one process: the API, the worker, and a router beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from litestar import Litestar

from pushpaka_core.application import Application
from pushpaka_core.bootstrap import open_application
from pushpaka_core.settings import Settings
from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import Patience, listening, serving
from pushpaka_http.rate_limits import Limits
from pushpaka_worker import open_worker


@asynccontextmanager
async def open_instance(settings: Settings, *, deploys: bool = True) -> AsyncIterator[Application]:
    """
    Serve and deploy until the block ends; applications and router go on after that.

    Only for who holds the lock of the data directory; who does not deploy may share it.

    Raises:
        SettingsError: If the settings cannot be used, or a port is taken.
    """
    patience = patience_of(settings)
    stall = patience.stall_seconds
    with listening(settings.host, settings.port, stall_seconds=stall) as listener:
        async with (
            open_application(settings, is_alone=deploys) as application,
            open_worker(application) if deploys else nullcontext(),
            serving(_app(application, settings), listener, patience=patience),
        ):
            yield application


def limits_of(settings: Settings) -> Limits:
    """Return what one client may take."""
    return Limits(
        sign_ins_per_client=settings.most_sign_ins,
        sign_ins_per_account=settings.most_sign_ins,
        requests_per_user=settings.most_requests,
        deployments_per_project=settings.most_deployments,
        deployments_per_user=settings.most_hourly_deployments,
        watchers_per_user=settings.most_watchers,
        body_size=settings.most_body_bytes,
        body_depth=settings.most_json_depth,
        body_seconds=settings.body_timeout.total_seconds(),
        archive_size=settings.most_archive_bytes,
        archive_seconds=settings.archive_timeout.total_seconds(),
        header_size=settings.most_header_bytes,
        header_count=settings.most_headers,
        address_size=settings.most_address_bytes,
    )


def patience_of(settings: Settings) -> Patience:
    """Return how long a client is waited for."""
    return Patience(
        head_seconds=settings.head_timeout.total_seconds(),
        stall_seconds=settings.stall_timeout.total_seconds(),
        message_size=settings.most_message_bytes,
    )


def _app(application: Application, settings: Settings) -> Litestar:
    return create_app(
        application,
        limits=limits_of(settings),
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        metrics_token=settings.metrics_token,
        router_token=settings.router_token,
    )
