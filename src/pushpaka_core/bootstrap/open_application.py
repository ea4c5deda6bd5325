"""Opens an application from settings."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import to_thread
from attrs import evolve

from pushpaka_core.bootstrap.data_directory import prepare_data_directory
from pushpaka_core.bootstrap.host import open_host_adapters
from pushpaka_core.bootstrap.memory import memory_adapters
from pushpaka_core.bootstrap.options import make_options, public_urls
from pushpaka_core.bootstrap.runtimes import select_runtime
from pushpaka_core.container.adapters import Adapters
from pushpaka_core.container.application import Application, assemble
from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.errors import SettingsError
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.settings.settings import RuntimeChoice, Settings, Stage

logger = logging.getLogger(__name__)


def _unchanged(adapters: Adapters) -> Adapters:
    return adapters


@asynccontextmanager
async def open_application(
    settings: Settings,
    *,
    is_exclusive: bool = False,
    swap: Callable[[Adapters], Adapters] = _unchanged,
) -> AsyncIterator[Application]:
    """
    Open the services of an instance.

    An empty database gets its tables. If the settings name no runtime, one is selected and
    remembered in the data directory. Nothing is deployed until a worker runs as well, see
    `pushpaka_worker.open_worker`.

    Args:
        settings: The settings of the instance.
        is_exclusive: Whether no other process uses the data directory. If so, an older database in
            it is migrated.
        swap: Receives the adapters and returns them, with some replaced by your own.

    Raises:
        SettingsError: If the settings cannot be used. The message explains what to change.
    """
    chosen = await select_runtime(settings)
    settings = evolve(settings, runtime=chosen.runtime)
    _require_valid(settings)
    if chosen.runtime is RuntimeChoice.MEMORY:
        async with _with_redis(settings, memory_adapters()) as adapters:
            node = Node(runtime=chosen.runtime, name=settings.node or "local")
            yield assemble(swap(adapters), make_options(settings, public_urls(settings, 80), node))
        return
    data_directory = await to_thread.run_sync(prepare_data_directory, settings, chosen.runtime)
    await chosen.store(settings.data_directory)
    logger.info("The runtime is %s because %s.", chosen.runtime, chosen.reason)
    async with (
        open_host_adapters(settings, data_directory, is_exclusive=is_exclusive) as own,
        _with_redis(settings, own) as adapters,
    ):
        options = make_options(
            settings,
            data_directory.public_urls,
            data_directory.node,
            router_secret=data_directory.keys.router_secret,
        )
        yield assemble(swap(adapters), options)


def _require_valid(settings: Settings) -> None:
    """Raise SettingsError for combinations of settings that are dangerous or cannot work."""
    if settings.stage is Stage.PRODUCTION and settings.secret_key is None:
        raise SettingsError(
            "PUSHPAKA_SECRET_KEY must be set in production. Generate it with "
            "`openssl rand -base64 48`."
        )
    if settings.stage is Stage.PRODUCTION and settings.encryption_keys is None:
        raise SettingsError(
            "PUSHPAKA_ENCRYPTION_KEYS must be set in production. Set it to k1=<key>, with a key "
            "from `openssl rand -base64 32`."
        )
    if settings.stage is Stage.PRODUCTION and settings.uses_test_settings:
        raise SettingsError(
            "PUSHPAKA_TEST_FAILPOINT and PUSHPAKA_TEST_TIMING are not allowed in production. "
            "Unset them."
        )
    if settings.https_port is None and (settings.acme_email or settings.certificates_directory):
        raise SettingsError(
            "PUSHPAKA_ACME_EMAIL and PUSHPAKA_CERTIFICATES_DIRECTORY require HTTPS. Set "
            "PUSHPAKA_HTTPS_PORT as well."
        )
    if bool(settings.router_urls) != (settings.router_token is not None):
        raise SettingsError(
            "Only one of PUSHPAKA_ROUTER_URLS and PUSHPAKA_ROUTER_TOKEN is set. Set both: the "
            "routers need the token to fetch their route table."
        )
    closed = settings.registration_policy is RegistrationPolicy.CLOSED
    is_process = settings.runtime is RuntimeChoice.PROCESS
    if is_process and settings.is_exposed and not (closed or settings.accept_unsandboxed):
        raise SettingsError(
            "The process runtime has no sandbox: every user can run programs on this host. To "
            "serve beyond loopback, set PUSHPAKA_REGISTRATION=closed, or set "
            "PUSHPAKA_ACCEPT_UNSANDBOXED=true if you trust everyone who can register."
        )


@asynccontextmanager
async def _with_redis(settings: Settings, adapters: Adapters) -> AsyncIterator[Adapters]:
    """Use Redis for the queue, events and rate counters, if it is configured."""
    if settings.redis_url is None:
        yield adapters
        return
    try:
        from pushpaka_core.adapters.redis.redis_adapters import open_redis
    except ModuleNotFoundError:
        raise SettingsError(
            "PUSHPAKA_REDIS_URL requires an extra package. Install it with "
            "`pip install pushpaka[redis]`."
        ) from None
    opening = open_redis(
        settings.redis_url,
        instance_id=adapters.instance_id,
        queue=adapters.queue,
        events=adapters.events,
        storage=adapters.storage,
    )
    async with opening as redis, background_task(redis.run):
        yield evolve(
            adapters,
            queue=redis.queue,
            events=redis.events,
            rate_counters=redis.rate_counters,
            redis_check=redis.connection.check,
        )
