"""Opens the application that settings describe."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import to_thread
from attrs import evolve

from pushpaka_core.application import Application, assemble
from pushpaka_core.bootstrap.ground import prepare
from pushpaka_core.bootstrap.host import host_adapters
from pushpaka_core.bootstrap.memory import memory_adapters
from pushpaka_core.bootstrap.options import addresses_of, options_of
from pushpaka_core.bootstrap.runtimes import choose_runtime
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import SettingsError
from pushpaka_core.parts import Adapters
from pushpaka_core.services.background import alongside
from pushpaka_core.settings import RuntimeChoice, Settings, Stage

logger = logging.getLogger(__name__)


def _as_they_are(adapters: Adapters) -> Adapters:
    return adapters


@asynccontextmanager
async def open_application(
    settings: Settings,
    *,
    is_alone: bool = False,
    swap: Callable[[Adapters], Adapters] = _as_they_are,
) -> AsyncIterator[Application]:
    """
    Open the services of the instance that *settings* describe; an empty database gets its tables.

    *is_alone* says that nobody else uses the data directory: an older database in it is
    brought up to date then. Where they name no runtime, one is chosen and kept in it. *swap*
    is given the adapters, and returns them with those of your own in their places.

    Nothing is deployed until a worker runs as well: see `pushpaka_worker.open_worker`.

    Raises:
        SettingsError: If the settings cannot be used; the message says what to change.
    """
    chosen = await choose_runtime(settings)
    settings = evolve(settings, runtime=chosen.runtime)
    _judge(settings)
    if chosen.runtime is RuntimeChoice.MEMORY:
        async with _shared(settings, memory_adapters()) as adapters:
            node = Node(runtime=chosen.runtime, name=settings.node or "local")
            yield assemble(swap(adapters), options_of(settings, addresses_of(settings, 80), node))
        return
    ground = await to_thread.run_sync(prepare, settings, chosen.runtime)
    await chosen.keep(settings.data_directory)
    logger.info("applications run by the runtime %s: %s", chosen.runtime, chosen.reason)
    async with (
        host_adapters(settings, ground, is_alone=is_alone) as own,
        _shared(settings, own) as adapters,
    ):
        yield assemble(swap(adapters), options_of(settings, ground.addresses, ground.node))


def _judge(settings: Settings) -> None:
    """Refuse what would be dangerous or cannot work."""
    if settings.stage is Stage.PRODUCTION and settings.secret_key is None:
        raise SettingsError("PUSHPAKA_SECRET_KEY must be set in production.")
    if settings.stage is Stage.PRODUCTION and settings.encryption_keys is None:
        raise SettingsError("PUSHPAKA_ENCRYPTION_KEYS must be set in production.")
    if settings.stage is Stage.PRODUCTION and settings.is_tested:
        raise SettingsError(
            "PUSHPAKA_TEST_FAILPOINT and PUSHPAKA_TEST_TIMING are for tests, not for production."
        )
    if settings.https_port is None and (settings.acme_email or settings.certificates_directory):
        raise SettingsError(
            "PUSHPAKA_ACME_EMAIL and PUSHPAKA_CERTIFICATES_DIRECTORY are for HTTPS: set "
            "PUSHPAKA_HTTPS_PORT too."
        )
    if bool(settings.router_urls) != (settings.router_token is not None):
        raise SettingsError(
            "PUSHPAKA_ROUTER_URLS and PUSHPAKA_ROUTER_TOKEN are set together: by the token the "
            "routers at the URLs fetch their table."
        )
    closed = settings.registration_policy is RegistrationPolicy.CLOSED
    is_process = settings.runtime is RuntimeChoice.PROCESS
    if is_process and settings.is_exposed and not (closed or settings.accept_unsandboxed):
        raise SettingsError(
            "The process runtime is no sandbox: whoever has an account can run programs on this "
            "host. To serve beyond loopback set PUSHPAKA_REGISTRATION=closed, or "
            "PUSHPAKA_ACCEPT_UNSANDBOXED=true if you trust everybody who may register."
        )


@asynccontextmanager
async def _shared(settings: Settings, adapters: Adapters) -> AsyncIterator[Adapters]:
    """Let other processes of the instance take part in what *adapters* tell, where Redis is set."""
    if settings.redis_url is None:
        yield adapters
        return
    try:
        from pushpaka_core.adapters.redis.opening import open_redis
    except ModuleNotFoundError:
        raise SettingsError("PUSHPAKA_REDIS_URL needs `pip install pushpaka[redis]`.") from None
    opening = open_redis(
        settings.redis_url,
        instance_id=adapters.instance_id,
        queue=adapters.queue,
        events=adapters.events,
        storage=adapters.storage,
    )
    async with opening as redis, alongside(redis.run):
        yield evolve(
            adapters,
            queue=redis.queue,
            events=redis.events,
            rate_counters=redis.rate_counters,
            redis_check=redis.connection.check,
        )
