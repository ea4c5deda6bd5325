"""Opens the adapters of an instance on this host."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from uuid import UUID, uuid4

from anyio import to_thread
from anyio.lowlevel import checkpoint
from attrs import frozen

from pushpaka_core.bootstrap.data_directory import DataDirectory
from pushpaka_core.bootstrap.docker import CONTAINER_RUNTIMES, BuildAndRuntime
from pushpaka_core.bootstrap.options import source_policy, utc_now
from pushpaka_core.bootstrap.routers import open_router, route_table_serializer
from pushpaka_core.container.adapters import Adapters
from pushpaka_core.domain.networks import is_allowed_address
from pushpaka_core.errors import PlatformFaultError, SettingsError
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.platform.key_rotation import require_keys
from pushpaka_core.services.platform.platform_health import HealthCheck
from pushpaka_core.settings.settings import RouterChoice, Settings

PROJECT_UIDS = range(30_000, 60_000)
"""
The user ids of projects. If Pushpaka runs as root, the project with the number n uses the nth of
these ids, from 0.
"""
_CERTIFICATE_VARIABLES = ("SSL_CERT_", "NODE_EXTRA_CA_CERTS")
"""Prefixes of environment variables that tell programs which certificates to trust."""


@asynccontextmanager
async def open_host_adapters(
    settings: Settings, data_directory: DataDirectory, *, is_exclusive: bool
) -> AsyncIterator[Adapters]:
    """
    Open the adapters of an instance on this host.

    Args:
        settings: The settings of the instance.
        data_directory: The prepared data directory.
        is_exclusive: Whether no other process uses the data directory. If so, an older database in
            it is migrated.

    Raises:
        SettingsError: If the settings cannot be used.
    """
    from pushpaka_core.adapters.apprise.notification_gateway import AppriseNotificationGateway
    from pushpaka_core.adapters.dns.resolver import DnspythonResolver
    from pushpaka_core.adapters.files.archive_files import DirectoryArchiveFiles
    from pushpaka_core.adapters.files.snapshot_files import DirectorySnapshotFiles
    from pushpaka_core.adapters.files.unpacker import TarUnpacker
    from pushpaka_core.adapters.files.workspaces import DirectoryWorkspaces
    from pushpaka_core.adapters.git.commands import find_git
    from pushpaka_core.adapters.git.host_keys import HostKeys
    from pushpaka_core.adapters.git.source import GitSource
    from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
    from pushpaka_core.adapters.host.local_host import LocalHost
    from pushpaka_core.adapters.http.prober import open_http_prober
    from pushpaka_core.adapters.http.webhook_client import HttpWebhookClient
    from pushpaka_core.adapters.memory.events import MemoryEventBus
    from pushpaka_core.adapters.memory.queue import MemoryQueue
    from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
    from pushpaka_core.adapters.security.hasher import Argon2Hasher
    from pushpaka_core.adapters.security.key_pairs import Ed25519KeyPairGenerator
    from pushpaka_core.adapters.security.signer import JwtSigner

    directory, policy = settings.data_directory, source_policy(settings)
    processes = HostProcesses(directory / "processes")
    git = await to_thread.run_sync(find_git)
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(
            _open_storage(settings, data_directory, is_exclusive=is_exclusive)
        )
        await _require_keys(settings, data_directory, kept.storage)
        execution = await stack.enter_async_context(
            _open_runtime(settings, data_directory, kept.instance_id, processes)
        )
        router, supervisor = await stack.enter_async_context(
            open_router(settings, data_directory, processes, kept.instance_id)
        )
        yield Adapters(
            instance_id=kept.instance_id,
            storage=kept.storage,
            schema_check=kept.schema_check,
            queue=MemoryQueue(),
            events=MemoryEventBus(),
            source=GitSource(
                process_manager=processes,
                policy=policy,
                binary=git,
                host_keys=HostKeys(
                    pinned=settings.ssh_known_hosts, stored=directory / "known_hosts"
                ),
                mirrors_directory=directory / "mirrors",
            ),
            archive_extractor=TarUnpacker(),
            archive_files=DirectoryArchiveFiles(directory / "archives"),
            workspaces=DirectoryWorkspaces(directory / "workspaces"),
            builder=execution.builder,
            image_source=execution.image_source,
            runtime=execution.runtime,
            volume_files=execution.volume_files,
            snapshot_files=DirectorySnapshotFiles(directory / "snapshots"),
            engine_check=execution.engine_check,
            list_cluster_nodes=execution.machines,
            prober=await stack.enter_async_context(open_http_prober()),
            webhook_client=HttpWebhookClient(policy.permits),
            notification_client=HttpWebhookClient(
                partial(is_allowed_address, allowed_networks=settings.notify_allow_nets)
            ),
            notification_gateway=AppriseNotificationGateway(
                process_manager=processes,
                directory=directory,
                allow_nets=settings.notify_allow_nets,
            ),
            router=router,
            router_supervisor=supervisor,
            route_table_text=route_table_serializer(settings, data_directory.public_urls),
            has_router=settings.router is not RouterChoice.NONE,
            resolver=DnspythonResolver(servers=settings.dns_servers),
            host=LocalHost(directory),
            failpoints=ProcessFailpoints(settings.failpoint),
            hasher=Argon2Hasher(),
            signer=JwtSigner(key=data_directory.keys.signing_key),
            cipher=_cipher(settings, data_directory),
            key_pair_generator=Ed25519KeyPairGenerator(),
            clock=utc_now,
            new_id=uuid4,
        )


@frozen(kw_only=True)
class _OpenedStorage:
    """The storage of an instance, and its id."""

    instance_id: UUID
    storage: Storage
    schema_check: HealthCheck | None = None


@asynccontextmanager
async def _open_storage(
    settings: Settings, data_directory: DataDirectory, *, is_exclusive: bool
) -> AsyncIterator[_OpenedStorage]:
    """
    Open the database, and check that it belongs to the data directory.

    The first process that opens both stores the database's instance id in the data directory.
    """
    if settings.database == "memory":
        from pushpaka_core.adapters.memory.storage.storage import MemoryStorage

        _require_unused(data_directory)
        yield _OpenedStorage(instance_id=uuid4(), storage=MemoryStorage())
        return
    from pushpaka_core.adapters.files.instance_ids import store_instance_id
    from pushpaka_core.adapters.sql import migration
    from pushpaka_core.adapters.sql.storage import open_storage

    url, is_own = settings.storage_url, settings.database_url is None
    await migration.require_same_instance(url, data_directory.instance_id)
    instance_id = await migration.ensure_usable(url, may_migrate=is_exclusive and is_own)
    await to_thread.run_sync(store_instance_id, settings.data_directory, instance_id)
    async with open_storage(url, migrate=False) as storage:
        yield _OpenedStorage(
            instance_id=instance_id, storage=storage, schema_check=storage.check_schema
        )


def _require_unused(data_directory: DataDirectory) -> None:
    if data_directory.instance_id is not None:
        raise SettingsError(
            'PUSHPAKA_DATABASE_URL is "memory:", but the data directory belongs to an instance '
            "that uses a database. Starting would stop the applications of that instance. Set "
            "PUSHPAKA_DATA_DIRECTORY to a different directory."
        )


@asynccontextmanager
async def _open_runtime(
    settings: Settings,
    data_directory: DataDirectory,
    instance_id: UUID,
    process_manager: ProcessManager,
) -> AsyncIterator[BuildAndRuntime]:
    """Open the builder and the runtime that the settings of this node select."""
    if opened := CONTAINER_RUNTIMES.get(data_directory.node.runtime):
        salt, node = data_directory.keys.signing_key, data_directory.node.name
        async with opened(
            settings, instance_id, process_manager, salt=salt, node=node
        ) as execution:
            yield execution
        return
    from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
    from pushpaka_core.adapters.process.runtime import ProcessRuntime
    from pushpaka_core.adapters.process.volumes.files import ProcessVolumeFiles, VolumeDirectories

    directory = settings.data_directory
    keep_apart = await _port_protection(settings, data_directory, instance_id)
    yield BuildAndRuntime(
        builder=ProcessBuilder(
            process_manager=process_manager,
            releases_directory=directory / "releases",
            tools_directory=directory / "tools",
            cache_directory=directory / "cache",
            uid_of=_project_uid,
            isolate_projects=keep_apart,
            host_env=settings.host_env,
            allow_python_downloads=settings.python_downloads,
        ),
        runtime=ProcessRuntime(
            process_manager=process_manager,
            releases_directory=directory / "releases",
            tools_directory=directory / "tools",
            instances_directory=directory / "instances",
            volumes_directory=directory / "volumes",
            uid_of=_project_uid,
            isolate_projects=keep_apart,
            host_env=_certificate_env(settings),
        ),
        volume_files=ProcessVolumeFiles(
            directories=VolumeDirectories(directory / "volumes"), node=data_directory.node.name
        ),
    )


async def _port_protection(
    settings: Settings, data_directory: DataDirectory, instance_id: UUID
) -> Callable[[], Awaitable[None]]:
    """
    Return a function that protects the platform's ports from projects.

    The function does nothing without root.
    """
    from pushpaka_core.adapters.iptables.packet_filters import port_filter
    from pushpaka_core.bootstrap.platform_ports import platform_ports

    if os.geteuid() != 0:
        return checkpoint
    ports = await to_thread.run_sync(platform_ports, settings, data_directory.first_start_choices)
    return port_filter(instance_id, uids=PROJECT_UIDS, ports=ports).apply


async def _require_keys(
    settings: Settings, data_directory: DataDirectory, storage: Storage
) -> None:
    """
    Raise SettingsError unless the keys of all stored secrets are known.

    The key file is read again, because another process may have added a key in the meantime.
    """
    from pushpaka_core.bootstrap.known_keys import known_keys

    try:
        await require_keys(storage, data_directory.keys.encryption_keys)
    except SettingsError:
        current = await to_thread.run_sync(known_keys, settings)
        if current is None:
            raise
        await require_keys(storage, current.encryption_keys)


def _cipher(settings: Settings, data_directory: DataDirectory) -> SecretCipher:
    """Return the cipher with the keys from PUSHPAKA_ENCRYPTION_KEYS, or from the key file."""
    from pushpaka_core.adapters.security.key_file import KeyFileCipher, make_cipher
    from pushpaka_core.bootstrap.known_keys import key_file_of

    if settings.encryption_keys is not None:
        return make_cipher(data_directory.keys)
    return KeyFileCipher.of(key_file_of(settings), data_directory.keys)


def _certificate_env(settings: Settings) -> dict[str, str]:
    """
    Return the host's environment variables that tell applications which
    certificates to trust.
    """
    return {
        name: path
        for name, path in settings.host_env.items()
        if name.startswith(_CERTIFICATE_VARIABLES)
    }


def _project_uid(project_number: int) -> int | None:
    """Return the user id of a project's programs, or None without root."""
    if os.geteuid() != 0:
        return None
    if project_number >= len(PROJECT_UIDS):
        raise PlatformFaultError(
            "All user ids for projects are in use. Delete projects that are no longer needed."
        )
    return PROJECT_UIDS[project_number]
