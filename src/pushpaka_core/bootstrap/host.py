"""The adapters of an instance whose programs or containers run on this host."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from uuid import UUID, uuid4

from anyio import to_thread
from attrs import frozen

from pushpaka_core.bootstrap.docker import EXECUTIONS, Execution
from pushpaka_core.bootstrap.ground import Ground
from pushpaka_core.bootstrap.options import source_policy_of, utc_now
from pushpaka_core.bootstrap.routers import opened_router, route_table_text
from pushpaka_core.domain.networks import may_be_contacted
from pushpaka_core.errors import PlatformFaultError, SettingsError
from pushpaka_core.parts import Adapters
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.health import HealthCheck
from pushpaka_core.services.key_rings import require_keys
from pushpaka_core.settings import RouterChoice, Settings

_FIRST_PROJECT_UID = 30_000
"""As root each project has a user id of its own: this one and its number."""
_MOST_PROJECT_UIDS = 30_000
_TRUST = ("SSL_CERT_", "NODE_EXTRA_CA_CERTS")
"""How the names begin of what tells programs whose certificates to accept."""


@asynccontextmanager
async def host_adapters(
    settings: Settings, ground: Ground, *, is_alone: bool
) -> AsyncIterator[Adapters]:
    """Open the adapters of an instance whose programs run on this host."""
    from pushpaka_core.adapters.apprise.messenger import AppriseMessenger
    from pushpaka_core.adapters.dns.resolver import DnspythonResolver
    from pushpaka_core.adapters.files.unpacker import TarUnpacker
    from pushpaka_core.adapters.files.workspaces import DirectoryWorkspaces
    from pushpaka_core.adapters.git.commands import find_git
    from pushpaka_core.adapters.git.host_keys import HostKeys
    from pushpaka_core.adapters.git.source import GitSource
    from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
    from pushpaka_core.adapters.host.host import LocalHost
    from pushpaka_core.adapters.http.poster import HttpPoster
    from pushpaka_core.adapters.http.prober import open_http_prober
    from pushpaka_core.adapters.memory.events import MemoryEventBus
    from pushpaka_core.adapters.memory.queue import MemoryQueue
    from pushpaka_core.adapters.process.processes import HostProcesses
    from pushpaka_core.adapters.security.hasher import Argon2Hasher
    from pushpaka_core.adapters.security.key_maker import Ed25519KeyMaker
    from pushpaka_core.adapters.security.signer import JwtSigner

    directory, policy = settings.data_directory, source_policy_of(settings)
    processes = HostProcesses(directory / "processes")
    git = await to_thread.run_sync(find_git)
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(_kept(settings, ground, is_alone=is_alone))
        await _require_keys(settings, ground, kept.storage)
        execution = await stack.enter_async_context(
            _execution(settings, ground, kept.instance_id, processes)
        )
        router, supervisor = await stack.enter_async_context(
            opened_router(settings, ground, processes)
        )
        yield Adapters(
            instance_id=kept.instance_id,
            storage=kept.storage,
            schema_check=kept.schema_check,
            queue=MemoryQueue(),
            events=MemoryEventBus(),
            source=GitSource(
                processes=processes,
                policy=policy,
                binary=git,
                host_keys=HostKeys(
                    pinned=settings.ssh_known_hosts, remembered=directory / "known_hosts"
                ),
                mirrors_directory=directory / "mirrors",
            ),
            unpacker=TarUnpacker(),
            workspaces=DirectoryWorkspaces(directory / "workspaces"),
            builder=execution.builder,
            runtime=execution.runtime,
            engine_check=execution.engine_check,
            machines=execution.machines,
            prober=await stack.enter_async_context(open_http_prober()),
            poster=HttpPoster(policy.permits),
            notification_poster=HttpPoster(
                partial(may_be_contacted, allow_nets=settings.notify_allow_nets)
            ),
            messenger=AppriseMessenger(
                processes=processes, directory=directory, allow_nets=settings.notify_allow_nets
            ),
            router=router,
            router_supervisor=supervisor,
            route_table_text=route_table_text(settings, ground.addresses),
            is_routed=settings.router is not RouterChoice.NONE,
            resolver=DnspythonResolver(servers=settings.dns_servers),
            host=LocalHost(directory),
            failpoints=ProcessFailpoints(settings.failpoint),
            hasher=Argon2Hasher(),
            signer=JwtSigner(key=ground.keys.signing_key),
            cipher=_cipher(settings, ground),
            key_maker=Ed25519KeyMaker(),
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
async def _execution(
    settings: Settings, ground: Ground, instance_id: UUID, processes: Processes
) -> AsyncIterator[Execution]:
    """Open what builds and what runs."""
    if opened := EXECUTIONS.get(ground.node.runtime):
        salt = ground.keys.signing_key
        async with opened(settings, instance_id, processes, salt=salt) as execution:
            yield execution
        return
    from pushpaka_core.adapters.process.builder import ProcessBuilder
    from pushpaka_core.adapters.process.runtime import ProcessRuntime

    directory = settings.data_directory
    yield Execution(
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
    )


async def _require_keys(settings: Settings, ground: Ground, storage: Storage) -> None:
    """Pass only with all keys of stored secrets; a new one may be in the file since its reading."""
    from pushpaka_core.adapters.security.keys import KEY_FILE, load_or_create_keys

    try:
        await require_keys(storage, ground.keys.encryption_keys)
    except SettingsError:
        if settings.encryption_keys is not None:
            raise
        path = settings.data_directory / KEY_FILE
        await require_keys(
            storage, (await to_thread.run_sync(load_or_create_keys, path)).encryption_keys
        )


def _cipher(settings: Settings, ground: Ground) -> Cipher:
    """Return what encrypts: by the keys that the operator has set, else by those in the file."""
    from pushpaka_core.adapters.security.key_file import KeyFileCipher, cipher_of
    from pushpaka_core.adapters.security.keys import KEY_FILE

    if settings.encryption_keys is not None:
        return cipher_of(ground.keys)
    return KeyFileCipher.of(settings.data_directory / KEY_FILE, ground.keys)


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
