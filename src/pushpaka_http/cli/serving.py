"""A whole instance in one process: the API, the worker, and a router beside them."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from pushpaka_core.application import Application
from pushpaka_core.bootstrap import open_application
from pushpaka_core.settings import Settings
from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import listening, serving
from pushpaka_http.logging import LogFormat, set_up_logging
from pushpaka_worker import open_worker

_TALKATIVE = ("alembic", "httpx", "uvicorn")
"""Libraries that log what only concerns their own developers."""


@asynccontextmanager
async def open_instance(settings: Settings) -> AsyncIterator[Application]:
    """
    Serve and deploy until the block ends; applications and router go on after that.

    Only for who holds the lock of the data directory.

    Raises:
        SettingsError: If the settings cannot be used, or a port is taken.
    """
    with listening(settings.host, settings.port) as listener:
        async with (
            open_application(settings) as application,
            open_worker(application),
            serving(_app(application, settings), listener),
        ):
            yield application


def log_as_set(settings: Settings, *, level: int = logging.INFO) -> None:
    """Write the log in the format of *settings*."""
    set_up_logging(LogFormat(settings.log_format), level=level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _app(application: Application, settings: Settings) -> Litestar:
    return create_app(
        application,
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        metrics_token=settings.metrics_token,
    )
