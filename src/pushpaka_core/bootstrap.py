"""From settings to an application: the only module that names adapters, each imported on use."""

import os
from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from anyio import to_thread
from attrs import evolve, frozen

from pushpaka_core.application import Application, assemble
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.engine import Adapters, Options
from pushpaka_core.errors import PlatformFaultError, SettingsError
from pushpaka_core.ports.host import Room
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.router import Router, RouterSupervisor, Upstream
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.admission import MEBIBYTE
from pushpaka_core.services.background import alongside
from pushpaka_core.services.key_rings import require_keys
from pushpaka_core.services.system import Technologies
from pushpaka_core.settings import RouterChoice, RuntimeChoice, Settings, Stage

if TYPE_CHECKING:
    from pushpaka_core.adapters.files.choices import Choices
    from pushpaka_core.adapters.security.keys import Keys

FIRST_PROJECT_UID = 30_000
"""As root each project has a user id of its own: this one and its number."""
_MOST_PROJECT_UIDS = 30_000
_PRIVATE, _PASSABLE = 0o700, 0o711
"""Projects' users pass through the data directory to their own files, and see nothing else."""
_TRUST = ("SSL_CERT_", "NODE_EXTRA_CA_CERTS")
"""How the names begin of what tells programs whose certificates to accept."""
_SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


@frozen
class _Ground:
    """What lies in the data directory before anything is opened."""

    keys: "Keys"
    addresses: Addresses
    choices: "Choices"
    node: Node


@asynccontextmanager
async def open_application(settings: Settings) -> AsyncIterator[Application]:
    """
    Open the services of the instance that *settings* describe; its schema is brought up to date.

    Nothing is deployed until a worker runs as well: see `pushpaka_worker.open_worker`.

    Raises:
        SettingsError: If the settings cannot be used; the message says what to change.
    """
    _judge(settings)
    if settings.runtime is RuntimeChoice.MEMORY:
        async with _shared(settings, memory_adapters()) as adapters:
            node = Node(runtime=settings.runtime, name=settings.node or "local")
            yield assemble(adapters, _options(settings, _addresses(settings, 80), node))
        return
    ground = await to_thread.run_sync(_prepare, settings)
    async with _host_adapters(settings, ground) as own, _shared(settings, own) as adapters:
        yield assemble(adapters, _options(settings, ground.addresses, ground.node))


def memory_adapters(*, now: Clock = utc_now, new_id: IdGenerator = uuid4) -> Adapters:
    """Return adapters that keep everything in memory and run nothing, for tests and embedding."""
    from pushpaka_core.adapters.memory import (
        builder,
        events,
        failpoints,
        host,
        prober,
        queue,
        router,
        runtime,
        security,
        source,
        storage,
        workspaces,
    )

    return Adapters(
        storage=storage.MemoryStorage(),
        queue=queue.MemoryQueue(),
        events=events.MemoryEventBus(),
        source=source.MemorySource(),
        workspaces=workspaces.MemoryWorkspaces(),
        builder=builder.MemoryBuilder(now=now),
        runtime=runtime.MemoryRuntime(now=now),
        prober=prober.MemoryProber(),
        router=router.MemoryRouter(),
        host=host.MemoryHost(),
        failpoints=failpoints.MemoryFailpoints(),
        hasher=security.PlainHasher(),
        signer=security.MemorySigner(),
        cipher=security.MemoryCipher(),
        now=now,
        new_id=new_id,
    )


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
    closed = settings.registration_policy is RegistrationPolicy.CLOSED
    if settings.is_exposed and not (closed or settings.accept_unsandboxed):
        raise SettingsError(
            "The process runtime is no sandbox: whoever has an account can run programs on this "
            "host. To serve beyond loopback set PUSHPAKA_REGISTRATION=closed, or "
            "PUSHPAKA_ACCEPT_UNSANDBOXED=true if you trust everybody who may register."
        )


def _prepare(settings: Settings) -> _Ground:
    from pushpaka_core.adapters.files.choices import Choices
    from pushpaka_core.adapters.security.keys import Keys, load_or_create_keys

    directory = settings.data_directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(_PASSABLE)
        for name, mode in (("workspaces", _PRIVATE), ("instances", _PASSABLE)):
            (directory / name).mkdir(exist_ok=True)
            (directory / name).chmod(mode)
    except OSError as error:
        raise SettingsError(
            f"The data directory cannot be used ({error}). "
            "Set PUSHPAKA_DATA_DIRECTORY to one that can be written to."
        ) from None
    choices = Choices.load_or_make(directory / "choices.json", host=settings.router_host)
    if settings.secret_key is None or settings.encryption_keys is None:
        keys = load_or_create_keys(directory / "keys.json")
    else:
        keys = Keys(
            signing_key=settings.secret_key.encode(),
            encryption_keys=settings.encryption_keys,
            current_key=next(iter(settings.encryption_keys)),
        )
    return _Ground(
        keys=keys,
        addresses=_addresses(settings, choices.router_port),
        choices=choices,
        node=Node(runtime=settings.runtime, name=settings.node or choices.node, home=choices.home),
    )


@asynccontextmanager
async def _host_adapters(settings: Settings, ground: _Ground) -> AsyncIterator[Adapters]:
    from pushpaka_core.adapters.files.workspaces import DirectoryWorkspaces
    from pushpaka_core.adapters.git.commands import find_git
    from pushpaka_core.adapters.git.source import GitSource
    from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
    from pushpaka_core.adapters.host.host import LocalHost
    from pushpaka_core.adapters.http.prober import open_http_prober
    from pushpaka_core.adapters.memory.events import MemoryEventBus
    from pushpaka_core.adapters.memory.queue import MemoryQueue
    from pushpaka_core.adapters.process.builder import ProcessBuilder
    from pushpaka_core.adapters.process.processes import HostProcesses
    from pushpaka_core.adapters.process.runtime import ProcessRuntime
    from pushpaka_core.adapters.security.cipher import AesGcmCipher
    from pushpaka_core.adapters.security.hasher import Argon2Hasher
    from pushpaka_core.adapters.security.signer import JwtSigner

    directory = settings.data_directory
    processes = HostProcesses(directory / "processes")
    git = await to_thread.run_sync(find_git)
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(_storage(settings))
        await require_keys(storage, ground.keys.encryption_keys)
        router, supervisor = await stack.enter_async_context(_router(settings, ground, processes))
        yield Adapters(
            storage=storage,
            queue=MemoryQueue(),
            events=MemoryEventBus(),
            source=GitSource(
                processes=processes,
                policy=_source_policy(settings),
                binary=git,
                mirrors_directory=directory / "mirrors",
            ),
            workspaces=DirectoryWorkspaces(directory / "workspaces"),
            builder=ProcessBuilder(
                processes=processes,
                releases_directory=directory / "releases",
                tools_directory=directory / "tools",
                cache_directory=directory / "cache",
                uid_of=_project_uid,
                host_env=settings.host_env,
            ),
            runtime=ProcessRuntime(
                processes=processes,
                releases_directory=directory / "releases",
                tools_directory=directory / "tools",
                instances_directory=directory / "instances",
                uid_of=_project_uid,
                host_env=_certificates(settings),
            ),
            prober=await stack.enter_async_context(open_http_prober()),
            router=router,
            router_supervisor=supervisor,
            host=LocalHost(directory),
            failpoints=ProcessFailpoints(settings.failpoint),
            hasher=Argon2Hasher(),
            signer=JwtSigner(key=ground.keys.signing_key),
            cipher=AesGcmCipher(keys=ground.keys.encryption_keys, current=ground.keys.current_key),
            now=utc_now,
            new_id=uuid4,
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
        settings.redis_url, queue=adapters.queue, events=adapters.events, storage=adapters.storage
    )
    async with opening as redis, alongside(redis.run):
        yield evolve(
            adapters,
            queue=redis.queue,
            events=redis.events,
            rate_counters=redis.rate_counters,
            redis_check=redis.connection.check,
        )


def _storage(settings: Settings) -> AbstractAsyncContextManager[Storage]:
    if settings.storage_url == "memory:":
        from pushpaka_core.adapters.memory.storage import MemoryStorage

        return nullcontext(MemoryStorage())
    from pushpaka_core.adapters.sql.storage import open_storage

    return open_storage(settings.storage_url, migrate=True)


@asynccontextmanager
async def _router(
    settings: Settings, ground: _Ground, processes: Processes
) -> AsyncIterator[tuple[Router, RouterSupervisor | None]]:
    if settings.router is not RouterChoice.TRAEFIK:
        from pushpaka_core.adapters.memory.router import MemoryRouter

        yield MemoryRouter(), None
        return
    from pushpaka_core.adapters.traefik.binary import Binaries
    from pushpaka_core.adapters.traefik.configuration import EntryPoints
    from pushpaka_core.adapters.traefik.directory import TraefikDirectory
    from pushpaka_core.adapters.traefik.router import open_traefik_router
    from pushpaka_core.adapters.traefik.supervisor import TraefikSupervisor

    directory = TraefikDirectory(settings.data_directory / "router")
    entry_points = EntryPoints(
        host=settings.router_host,
        port=ground.addresses.port,
        internal_port=ground.choices.router_internal_port,
        page_port=ground.choices.router_page_port,
        trusted_proxies=tuple(map(str, settings.trusted_proxies)),
    )
    binaries = await to_thread.run_sync(Binaries.find, _SEARCH_PATH)
    async with open_traefik_router(directory, entry_points) as router:
        yield router, TraefikSupervisor(processes, directory, entry_points, binaries)


def _source_policy(settings: Settings) -> SourcePolicy:
    return SourcePolicy(
        allow_http=settings.git_allow_http,
        local_repo_root=settings.local_root,
        allow_nets=settings.git_allow_nets,
    )


def _options(settings: Settings, addresses: Addresses, node: Node) -> Options:
    return Options(
        addresses=addresses,
        technologies=_technologies(settings),
        node=node,
        source_policy=_source_policy(settings),
        registration=settings.registration_policy,
        token_lifetime=settings.token_lifetime,
        timings=settings.timings,
        concurrency=settings.concurrency,
        instance_ports=settings.instance_ports,
        releases_kept=settings.releases_kept,
        logs_kept=timedelta(days=settings.logs_kept),
        least_room=Room(
            disk=settings.min_free_disk * MEBIBYTE, memory=settings.min_free_memory * MEBIBYTE
        ),
        api=Upstream(host=settings.host, port=settings.port),
    )


def _technologies(settings: Settings) -> Technologies:
    return Technologies(
        runtime=settings.runtime,
        router=settings.router,
        database=settings.database,
        redis=settings.redis_url is not None,
    )


def _addresses(settings: Settings, port: int) -> Addresses:
    return Addresses(base_domain=settings.base_domain, port=settings.router_port or port)


def _certificates(settings: Settings) -> dict[str, str]:
    """Return what applications see of the host's environment: whom it trusts, nothing else."""
    return {name: path for name, path in settings.host_env.items() if name.startswith(_TRUST)}


def _project_uid(number: int) -> int | None:
    """Return the user id of a project's programs; only root can give them one of their own."""
    if os.geteuid() != 0:
        return None
    if number >= _MOST_PROJECT_UIDS:
        raise PlatformFaultError("There are no user ids left for more projects.")
    return FIRST_PROJECT_UID + number
