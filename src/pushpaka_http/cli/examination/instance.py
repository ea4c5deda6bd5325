"""The instance: its settings, what it keeps, and what it is connected to."""

import json
import os
import stat
from pathlib import Path

import httpx
from anyio import to_thread

from pushpaka_core.adapters.files.instance_ids import known_instance_id
from pushpaka_core.adapters.security.keys import KEY_FILE, Keys
from pushpaka_core.adapters.sql.lineage import SchemaState
from pushpaka_core.adapters.sql.migration import require_same_instance, schema_state
from pushpaka_core.adapters.traefik.configuration import authority
from pushpaka_core.engine import VERSION
from pushpaka_core.settings import Settings, Stage
from pushpaka_http.cli.examination.findings import Finding, nearest, ok, problem, warning

_SECONDS = 4
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE = os.R_OK | os.W_OK | os.X_OK


async def data_directory(settings: Settings) -> Finding:
    """Look at whose the data directory is, and whether this user can use it."""
    return await to_thread.run_sync(_data_directory, settings.data_directory)


def _data_directory(directory: Path) -> Finding:
    place = nearest(directory)
    if not place.is_dir():
        return problem(f"{place} is no directory.", "Set PUSHPAKA_DATA_DIRECTORY to another place.")
    if not os.access(place, _WRITABLE):
        return problem(
            f"{place} cannot be written to by the user {os.geteuid()}.",
            f"Run this as its owner, the user {place.stat().st_uid}, or chown it.",
        )
    if place != directory:
        return ok(f"{directory} will be made at the first start.")
    owner = directory.stat().st_uid
    if owner != os.geteuid():
        return warning(
            f"{directory} is of the user {owner}, and this is run by the user {os.geteuid()}.",
            "Run all commands as the user of `serve`, lest some files become another's.",
        )
    return ok(f"{directory}, of this user")


async def keys(settings: Settings) -> Finding:
    """Look whether there are keys, and whether nobody else can read them."""
    named = settings.secret_key is not None, settings.encryption_keys is not None
    if all(named):
        return ok("The keys are in the settings.")
    if settings.stage is Stage.PRODUCTION:
        return problem(
            "In production both keys have to be in the settings.",
            "Set PUSHPAKA_SECRET_KEY and PUSHPAKA_ENCRYPTION_KEYS, or PUSHPAKA_STAGE=development.",
        )
    return await to_thread.run_sync(_key_file, settings.data_directory / KEY_FILE)


def _key_file(path: Path) -> Finding:
    if not path.exists():
        if (path.parent / "pushpaka.sqlite").exists():
            return problem(
                f"There is a database, and no {path}: what is secret in it cannot be read.",
                "Bring the file back from a backup.",
            )
        return ok(f"{path} will be made at the first start.")
    mode = path.stat().st_mode
    if mode & _OTHERS:
        return problem(f"Others can read {path}.", f"chmod 600 {path}, and `pushpaka keys rotate`.")
    try:
        count = len(Keys.parse(path.read_text()).encryption_keys)
    except ValueError:
        return problem(f"{path} is damaged.", "Bring it back from a backup.")
    return ok(f"{path} has {count} of {'them' if count > 1 else 'it'}; keep a copy elsewhere.")


async def database(settings: Settings) -> Finding:
    """Ask the database how its schema stands, and whose it is; nothing is made."""
    if settings.database == "memory":
        return warning("It is in memory: nothing outlives the process.", "This is for tests.")
    state = await schema_state(settings.storage_url)
    known_as = await to_thread.run_sync(known_instance_id, settings.data_directory)
    match state:
        case SchemaState.EMPTY if known_as is None:
            return ok(f"{settings.database}: it gets its tables at the first start.")
        case SchemaState.OLDER:
            return problem(
                f"{settings.database}: its schema is of an older version.",
                "Back it up, and run: pushpaka migrate",
            )
        case SchemaState.NEWER:
            return problem(
                f"{settings.database}: its schema is of a newer version.",
                "Install that version of Pushpaka.",
            )
    await require_same_instance(settings.storage_url, known_as)
    if state is SchemaState.AHEAD:
        return warning(f"{settings.database}: its schema is newer.", "Update this program too.")
    return ok(f"{settings.database}: its schema is current.")


async def redis(settings: Settings) -> Finding:
    """Ask Redis, where there is one."""
    if settings.redis_url is None:
        return ok("None is set: one process, or several of one machine, need none.")
    from redis.exceptions import RedisError

    from pushpaka_core.adapters.redis.connection import RedisConnection, client_of

    async with client_of(settings.redis_url) as client:
        await RedisConnection(client).greet()
        try:
            facts = await client.info("server")
        except (RedisError, OSError) as error:
            return problem(
                f"It does not answer ({type(error).__name__}).",
                "Start it, or correct PUSHPAKA_REDIS_URL.",
            )
    return ok(f"Redis {facts['redis_version']} answers.")


async def health(settings: Settings) -> Finding:
    """Ask the instance itself, if one is served now."""
    url = f"{api_url(settings)}/health"
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as http:
            answer = await http.get(url)
        told = answer.json()
        version, checks = str(told["version"]), dict(told["checks"])
    except httpx.TransportError:
        return ok(f"Nothing is served at {url} now.")
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        return problem(f"Something else answers at {url}.", "Set PUSHPAKA_PORT to another port.")
    ill = [name for name, is_well in checks.items() if is_well is False]
    if ill:
        return problem(
            f"It answers at {url}, and says that {', '.join(ill)} does not work.",
            "Look into its log, and at the other lines here.",
        )
    if version != VERSION:
        return warning(f"What answers at {url} is version {version}.", "Start it again.")
    return ok(f"It answers at {url}, and says that all is well.")


def api_url(settings: Settings) -> str:
    """Return where the API of this machine answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - it is read
    return f"http://{authority(host, settings.port)}"
