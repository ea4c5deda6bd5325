"""Checks of the instance: data directory, keys, database, Redis and the running API."""

import os
import stat
from pathlib import Path

from anyio import to_thread

from pushpaka_core.adapters.files.instance_ids import read_instance_id
from pushpaka_core.adapters.security.keys import KEY_FILE, PlatformKeys
from pushpaka_core.adapters.sql.migration import require_same_instance, schema_state
from pushpaka_core.adapters.sql.schema_versions import SchemaState
from pushpaka_core.container.worker import VERSION
from pushpaka_core.host import state_files
from pushpaka_core.settings.settings import Settings, Stage
from pushpaka_http.cli.doctor.findings import Finding, nearest_existing, ok, problem, warning
from pushpaka_http.cli.doctor.probes import api_url, read_api_health
from pushpaka_http.cli.ui.counts import pluralized

_MAX_NAMED = 5
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE = os.R_OK | os.W_OK | os.X_OK


async def check_data_directory(settings: Settings) -> Finding:
    """Check who owns the data directory and whether this user can write to it."""
    return await to_thread.run_sync(_data_directory, settings.data_directory)


def _data_directory(directory: Path) -> Finding:
    place = nearest_existing(directory)
    if not place.is_dir():
        return problem(
            f"{place} is not a directory.", "Set PUSHPAKA_DATA_DIRECTORY to a directory."
        )
    if not os.access(place, _WRITABLE):
        return problem(
            f"The user {os.geteuid()} cannot write to {place}.",
            f"Run the command as its owner, the user {place.stat().st_uid}, or change the owner.",
        )
    if place != directory:
        return ok(f"{directory} will be created at the first start.")
    owner = directory.stat().st_uid
    if owner != os.geteuid():
        return warning(
            f"{directory} belongs to the user {owner}, but this is the user {os.geteuid()}.",
            "Run all commands as the user of `pushpaka serve`, so that it can read every file.",
        )
    return ok(f"{directory} belongs to this user.")


async def check_damaged_files(settings: Settings) -> Finding:
    """Check for damaged state files that were set aside."""
    found = await to_thread.run_sync(state_files.damaged_files, settings.data_directory)
    if not found:
        return ok("No damaged files were found.")
    names = ", ".join(file.name for file in found[:_MAX_NAMED])
    more = f", and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
    return warning(
        f"Damaged files, perhaps after a power failure, were set aside: {names}{more}.",
        f"Check the disk, then remove the files from {found[0].parent}.",
    )


async def check_keys(settings: Settings) -> Finding:
    """Check that the encryption keys exist and that other users cannot read them."""
    named = settings.secret_key is not None, settings.encryption_keys is not None
    if all(named):
        return ok("The keys are set in the environment.")
    if settings.stage is Stage.PRODUCTION:
        return problem(
            "In production, both keys must be set in the environment.",
            "Set PUSHPAKA_SECRET_KEY and PUSHPAKA_ENCRYPTION_KEYS, or PUSHPAKA_STAGE=development.",
        )
    return await to_thread.run_sync(_key_file, settings.data_directory / KEY_FILE)


def _key_file(path: Path) -> Finding:
    if not path.exists():
        if (path.parent / "pushpaka.sqlite").exists():
            return problem(
                f"{path} is missing: the secrets in the database cannot be decrypted.",
                "Restore the file from a backup.",
            )
        return ok(f"{path} will be created at the first start.")
    mode = path.stat().st_mode
    if mode & _GROUP_AND_OTHERS:
        return problem(
            f"Other users can read {path}.", f"Run: chmod 600 {path}, then: pushpaka keys rotate"
        )
    try:
        count = len(PlatformKeys.parse(path.read_text()).encryption_keys)
    except ValueError:
        return problem(f"{path} is damaged.", "Restore it from a backup.")
    return ok(f"{path} contains {pluralized(count, 'encryption key')}. Keep a copy elsewhere.")


async def check_database(settings: Settings) -> Finding:
    """
    Check the schema version of the database, and that it belongs to this instance.

    A database that does not exist is not created.
    """
    if settings.database == "memory":
        return warning(
            "The database is in memory and is lost when the process ends.",
            "Use a database in memory only for tests.",
        )
    state = await schema_state(settings.storage_url)
    known_as = await to_thread.run_sync(read_instance_id, settings.data_directory)
    match state:
        case SchemaState.EMPTY if known_as is None:
            return ok(f"{settings.database}: the tables will be created at the first start.")
        case SchemaState.OLDER:
            return problem(
                f"{settings.database}: the schema is older than this version of Pushpaka.",
                "Back up the database, then run: pushpaka migrate",
            )
        case SchemaState.NEWER:
            return problem(
                f"{settings.database}: the schema is newer than this version of Pushpaka.",
                "Install a newer version of Pushpaka.",
            )
    await require_same_instance(settings.storage_url, known_as)
    if state is SchemaState.AHEAD:
        return warning(
            f"{settings.database}: the schema is newer than this version of Pushpaka, but "
            "compatible.",
            "Update Pushpaka on this machine.",
        )
    return ok(f"{settings.database}: the schema is up to date.")


async def check_redis(settings: Settings) -> Finding:
    """Check the connection to Redis, if it is configured."""
    if settings.redis_url is None:
        return ok("Redis is not configured. It is only needed for several machines.")
    from redis.exceptions import RedisError

    from pushpaka_core.adapters.redis.connection import RedisConnection, make_client

    async with make_client(settings.redis_url) as client:
        await RedisConnection(client).check_at_startup()
        try:
            facts = await client.info("server")
        except (RedisError, OSError) as error:
            return problem(
                f"Redis is not responding ({type(error).__name__}).",
                "Start Redis, or correct PUSHPAKA_REDIS_URL.",
            )
    return ok(f"Redis {facts['redis_version']} responds.")


async def check_health(settings: Settings) -> Finding:
    """Check the health and the version of this instance, if it is running."""
    url = api_url(settings)
    try:
        api = await read_api_health(settings)
    except ValueError:
        return problem(
            f"Another program responds at {url}.", "Set PUSHPAKA_PORT to a different port."
        )
    if api is None:
        return ok(f"The instance is not running: nothing responds at {url}.")
    failed = [name for name, is_healthy in api.checks.items() if is_healthy is False]
    if failed:
        return problem(
            f"The instance at {url} reports failed health checks: {', '.join(failed)}.",
            "Check the instance's log and the other findings.",
        )
    if api.version != VERSION:
        return warning(
            f"The instance at {url} still runs version {api.version}.", "Restart the instance."
        )
    return ok(f"The instance at {url} is healthy.")
