"""The adapters that work on this host, and what lies in the data directory for them."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from anyio import to_thread
from attrs import frozen

from pushpaka_core.bootstrap.docker import docker_adapters
from pushpaka_core.bootstrap.options import addresses_of, source_policy_of, utc_now
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.nodes import Node
from pushpaka_core.engine import Adapters
from pushpaka_core.errors import PlatformFaultError, SettingsError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.router import Router, RouterSupervisor, RouteTableText
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.health import HealthCheck
from pushpaka_core.services.key_rings import require_keys
from pushpaka_core.settings import RouterChoice, RuntimeChoice, Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.files.choices import Choices
    from pushpaka_core.adapters.security.keys import Keys

_FIRST_PROJECT_UID = 30_000
"""As root each project has a user id of its own: this one and its number."""
_MOST_PROJECT_UIDS = 30_000
_PRIVATE, _PASSABLE = 0o700, 0o711
"""Projects' users pass through the data directory to their own files, and see nothing else."""
_TRUST = ("SSL_CERT_", "NODE_EXTRA_CA_CERTS")
"""How the names begin of what tells programs whose certificates to accept."""
_SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"


@frozen
class Ground:
    """What lies in the data directory before anything is opened."""

    instance_id: UUID | None
    keys: "Keys"
    addresses: Addresses
    choices: "Choices"
    node: Node


def prepare(settings: Settings) -> Ground:
    """Make the data directory where there is none, and settle what is decided once; blocks."""
    from pushpaka_core.adapters.files.choices import Choices, place_of
    from pushpaka_core.adapters.files.instance_ids import known_instance_id
    from pushpaka_core.adapters.security.keys import keys_of

    directory = settings.data_directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(_PASSABLE)
        for name, mode in (
            ("contexts", _PRIVATE),
            ("instances", _PASSABLE),
            ("workspaces", _PRIVATE),
        ):
            (directory / name).mkdir(exist_ok=True)
            (directory / name).chmod(mode)
    except OSError as error:
        raise SettingsError(
            f"The data directory cannot be used ({error}). "
            "Set PUSHPAKA_DATA_DIRECTORY to one that can be written to."
        ) from None
    choices = Choices.load_or_make(
        directory / "choices.json",
        host=settings.router_host,
        port=settings.router_port,
        apart_from={settings.port, *settings.instance_ports},
    )
    addresses = addresses_of(settings, choices.router_port)
    _require_apart(settings, addresses.port, choices)
    return Ground(
        instance_id=known_instance_id(directory),
        keys=keys_of(
            directory / "keys.json",
            signing_key=settings.secret_key.encode() if settings.secret_key else None,
            encryption_keys=settings.encryption_keys,
        ),
        addresses=addresses,
        choices=choices,
        node=Node(
            runtime=settings.runtime,
            name=settings.node or choices.node,
            home=choices.home_at(place_of(directory)),
        ),
    )


def _require_apart(settings: Settings, router_port: int, choices: "Choices") -> None:
    """Refuse ports of applications on which the platform itself listens."""
    own = (
        settings.port,
        router_port,
        choices.router_internal_port,
        choices.router_page_port,
    )
    for port in own:
        if port in settings.instance_ports:
            raise SettingsError(
                f"PUSHPAKA_INSTANCE_PORTS holds {port}, on which Pushpaka itself listens. "
                "Set it to other ports."
            )


@asynccontextmanager
async def host_adapters(
    settings: Settings, ground: Ground, *, is_alone: bool
) -> AsyncIterator[Adapters]:
    """Open the adapters of an instance whose programs run on this host."""
    from pushpaka_core.adapters.files.workspaces import DirectoryWorkspaces
    from pushpaka_core.adapters.git.commands import find_git
    from pushpaka_core.adapters.git.source import GitSource
    from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
    from pushpaka_core.adapters.host.host import LocalHost
    from pushpaka_core.adapters.http.prober import open_http_prober
    from pushpaka_core.adapters.memory.events import MemoryEventBus
    from pushpaka_core.adapters.memory.queue import MemoryQueue
    from pushpaka_core.adapters.process.processes import HostProcesses
    from pushpaka_core.adapters.security.cipher import AesGcmCipher
    from pushpaka_core.adapters.security.hasher import Argon2Hasher
    from pushpaka_core.adapters.security.signer import JwtSigner

    directory = settings.data_directory
    processes = HostProcesses(directory / "processes")
    git = await to_thread.run_sync(find_git)
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(_kept(settings, ground, is_alone=is_alone))
        await require_keys(kept.storage, ground.keys.encryption_keys)
        builder, runtime = await stack.enter_async_context(
            _packaging(settings, ground, kept.instance_id, processes)
        )
        router, supervisor = await stack.enter_async_context(_router(settings, ground, processes))
        yield Adapters(
            instance_id=kept.instance_id,
            storage=kept.storage,
            schema_check=kept.schema_check,
            queue=MemoryQueue(),
            events=MemoryEventBus(),
            source=GitSource(
                processes=processes,
                policy=source_policy_of(settings),
                binary=git,
                mirrors_directory=directory / "mirrors",
            ),
            workspaces=DirectoryWorkspaces(directory / "workspaces"),
            builder=builder,
            runtime=runtime,
            prober=await stack.enter_async_context(open_http_prober()),
            router=router,
            router_supervisor=supervisor,
            route_table_text=_route_table_text(settings),
            is_routed=settings.router is not RouterChoice.NONE,
            host=LocalHost(directory),
            failpoints=ProcessFailpoints(settings.failpoint),
            hasher=Argon2Hasher(),
            signer=JwtSigner(key=ground.keys.signing_key),
            cipher=AesGcmCipher(keys=ground.keys.encryption_keys, current=ground.keys.current_key),
            now=utc_now,
            new_id=uuid4,
        )


@frozen(kw_only=True)
class _Kept:
    """What is kept of an instance, and which one that is."""

    instance_id: UUID
    storage: Storage
    schema_check: HealthCheck | None = None


@asynccontextmanager
async def _kept(settings: Settings, ground: Ground, *, is_alone: bool) -> AsyncIterator[_Kept]:
    """Open the database if it is that of the data directory; who comes first decides that."""
    if settings.database == "memory":
        from pushpaka_core.adapters.memory.storage import MemoryStorage

        _require_unused(ground)
        yield _Kept(instance_id=uuid4(), storage=MemoryStorage())
        return
    from pushpaka_core.adapters.files.instance_ids import keep_instance_id
    from pushpaka_core.adapters.sql import migration
    from pushpaka_core.adapters.sql.storage import open_storage

    url, is_own = settings.storage_url, settings.database_url is None
    await migration.require_same_instance(url, ground.instance_id)
    instance_id = await migration.make_usable(url, updates=is_alone and is_own)
    await to_thread.run_sync(keep_instance_id, settings.data_directory, instance_id)
    async with open_storage(url, migrate=False) as storage:
        yield _Kept(instance_id=instance_id, storage=storage, schema_check=storage.check_schema)


def _require_unused(ground: Ground) -> None:
    if ground.instance_id is not None:
        raise SettingsError(
            "PUSHPAKA_DATABASE_URL is memory:, and the data directory is of an instance with a "
            "database, whose applications would be ended as unknown. Set "
            "PUSHPAKA_DATA_DIRECTORY to another one."
        )


@asynccontextmanager
async def _packaging(
    settings: Settings, ground: Ground, instance_id: UUID, processes: Processes
) -> AsyncIterator[tuple[Builder, Runtime]]:
    """Open what builds and what runs."""
    if settings.runtime is RuntimeChoice.DOCKER:
        salt = ground.keys.signing_key
        async with docker_adapters(settings, instance_id, processes, salt=salt) as adapters:
            yield adapters
        return
    from pushpaka_core.adapters.process.builder import ProcessBuilder
    from pushpaka_core.adapters.process.runtime import ProcessRuntime

    directory = settings.data_directory
    yield (
        ProcessBuilder(
            processes=processes,
            releases_directory=directory / "releases",
            tools_directory=directory / "tools",
            cache_directory=directory / "cache",
            uid_of=_project_uid,
            host_env=settings.host_env,
        ),
        ProcessRuntime(
            processes=processes,
            releases_directory=directory / "releases",
            tools_directory=directory / "tools",
            instances_directory=directory / "instances",
            uid_of=_project_uid,
            host_env=_certificates(settings),
        ),
    )


@asynccontextmanager
async def _router(
    settings: Settings, ground: Ground, processes: Processes
) -> AsyncIterator[tuple[Router, RouterSupervisor | None]]:
    if settings.router is not RouterChoice.TRAEFIK:
        yield _other_router(settings.router), None
        return
    if settings.router_urls:
        from pushpaka_core.adapters.traefik.routers import open_traefik_routers

        async with open_traefik_routers(settings.router_urls) as routers:
            yield routers, None
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


def _route_table_text(settings: Settings) -> RouteTableText | None:
    if not settings.router_urls:
        return None
    from pushpaka_core.adapters.traefik.configuration import dynamic_configuration

    return partial(dynamic_configuration, page=None)


def _other_router(choice: RouterChoice) -> Router:
    from pushpaka_core.adapters.memory.router import MemoryRouter
    from pushpaka_core.adapters.none.router import NoRouter

    return NoRouter() if choice is RouterChoice.NONE else MemoryRouter()


def _certificates(settings: Settings) -> dict[str, str]:
    """Return what applications see of the host's environment: whom it trusts, nothing else."""
    return {name: path for name, path in settings.host_env.items() if name.startswith(_TRUST)}


def _project_uid(number: int) -> int | None:
    """Return the user id of a project's programs; only root can give them one of their own."""
    if os.geteuid() != 0:
        return None
    if number >= _MOST_PROJECT_UIDS:
        raise PlatformFaultError("There are no user ids left for more projects.")
    return _FIRST_PROJECT_UID + number
