"""A whole instance in one process: the API, the worker, and a router beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from litestar import Litestar

from pushpaka_core.application import Application
from pushpaka_core.bootstrap import open_application
from pushpaka_core.settings import Settings
from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import listening, serving
from pushpaka_worker import open_worker


@asynccontextmanager
async def open_instance(settings: Settings, *, deploys: bool = True) -> AsyncIterator[Application]:
    """
    Serve and deploy until the block ends; applications and router go on after that.

    Only for who holds the lock of the data directory; who does not deploy may share it.

    Raises:
        SettingsError: If the settings cannot be used, or a port is taken.
    """
    with listening(settings.host, settings.port) as listener:
        async with (
            open_application(settings, is_alone=deploys) as application,
            open_worker(application) if deploys else nullcontext(),
            serving(_app(application, settings), listener),
        ):
            yield application


def _app(application: Application, settings: Settings) -> Litestar:
    return create_app(
        application,
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        metrics_token=settings.metrics_token,
        router_token=settings.router_token,
    )
