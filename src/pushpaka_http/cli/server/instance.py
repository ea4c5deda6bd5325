"""Runs a whole instance in one process: the API, the worker and the router."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from urllib.parse import urlsplit

from litestar import Litestar

from pushpaka_core.bootstrap import open_application
from pushpaka_core.container.application import Application
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.settings.settings import Settings
from pushpaka_http.app import create_app
from pushpaka_http.cli.server.http_server import ConnectionLimits, open_listener, open_server
from pushpaka_http.middleware.rate_limits import Limits
from pushpaka_worker import open_worker


@asynccontextmanager
async def open_instance(
    settings: Settings, *, runs_worker: bool = True
) -> AsyncIterator[Application]:
    """
    Serve the API and run deployments until the block ends. Applications and the router continue to
    run.

    Args:
        settings: Settings of the instance.
        runs_worker: Whether to run a worker. The caller must hold the lock of the data directory,
            or a shared lock if no worker is run.

    Raises:
        SettingsError: If the settings are invalid, or a port is in use.
    """
    patience = connection_limits(settings)
    stall = patience.write_timeout
    with open_listener(settings.host, settings.port, write_timeout=stall) as listener:
        async with (
            open_application(settings, is_exclusive=runs_worker) as application,
            open_worker(application) if runs_worker else nullcontext(),
            open_server(_app(application, settings), listener, limits=patience),
        ):
            yield application


def client_limits(settings: Settings) -> Limits:
    """Return the rate and size limits of clients."""
    return Limits(
        sign_ins_per_client=settings.max_sign_ins,
        sign_ins_per_account=settings.max_sign_ins,
        requests_per_user=settings.max_requests,
        deployments_per_project=settings.max_deployments,
        deployments_per_user=settings.max_hourly_deployments,
        streams_per_user=settings.max_streams,
        body_size=settings.max_body_bytes,
        body_depth=settings.max_json_depth,
        body_seconds=settings.body_timeout.total_seconds(),
        archive_size=min(settings.max_archive_bytes, settings.max_archive_bytes_per_user),
        archive_seconds=settings.archive_timeout.total_seconds(),
        header_size=settings.max_header_bytes,
        header_count=settings.max_headers,
        url_size=settings.max_address_bytes,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the timeouts and size limits of client connections."""
    return ConnectionLimits(
        header_timeout=settings.header_timeout.total_seconds(),
        write_timeout=settings.write_timeout.total_seconds(),
        max_message_bytes=settings.max_message_bytes,
    )


def api_host_names(settings: Settings, public_urls: PublicUrls) -> Sequence[str]:
    """Return the host names under which the API answers, including those that routers use."""
    routed = [urlsplit(url).hostname or "" for url in settings.api_urls]
    return ["localhost", public_urls.api_host, settings.host, *routed, *settings.allowed_hosts]


def _app(application: Application, settings: Settings) -> Litestar:
    return create_app(
        application,
        limits=client_limits(settings),
        allowed_origins=settings.allowed_origins,
        allowed_hosts=api_host_names(settings, application.addresses),
        trusted_proxies=settings.trusted_proxies,
        metrics_token=settings.metrics_token,
        router_token=settings.router_token,
    )
