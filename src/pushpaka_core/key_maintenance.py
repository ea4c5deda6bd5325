"""What an operator does to the keys that stored secrets are encrypted with."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from anyio import sleep, to_thread
from attrs import frozen

from pushpaka_core.adapters.files.instance_ids import known_instance_id
from pushpaka_core.adapters.security.key_file import cipher_of, keys_held
from pushpaka_core.adapters.security.keys import KEY_FILE, Keys, load_keys, replace_keys
from pushpaka_core.adapters.sql.migration import require_same_instance
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.domain.stored_secrets import StoredSecret
from pushpaka_core.errors import SettingsError
from pushpaka_core.services.key_rotation import KeyRotation
from pushpaka_core.settings import Settings


@frozen(kw_only=True)
class KeyUse:
    """A key, and what it is good for."""

    id: str
    is_current: bool
    is_here: bool
    """Whether it is in the key ring, so that what it has encrypted can be read."""
    made_at: datetime | None
    secrets: int
    """How many it has encrypted."""


@frozen(kw_only=True)
class Rotated:
    """What has become of a rotation."""

    current_key: str
    is_new: bool
    is_given: bool
    """Whether the operator has set the keys, so that only they can make a new one."""
    reencrypted: int
    unreadable: Sequence[StoredSecret]


@frozen(kw_only=True)
class Pruned:
    """The keys that no secret needs."""

    key_ids: Sequence[str]
    is_given: bool
    """Whether the operator has set the keys, and has to take these out by themselves."""


async def list_keys(settings: Settings) -> Sequence[KeyUse]:
    """
    Return all keys, the current one first, and those that are needed and not here.

    Raises:
        SettingsError: If the instance has no keys or no database yet.
    """
    keys = await to_thread.run_sync(_keys, settings)
    async with _storage(settings) as storage:
        used = await _count(storage)
    others = sorted({*keys.encryption_keys, *used} - {keys.current_key})
    return [
        KeyUse(
            id=key_id,
            is_current=key_id == keys.current_key,
            is_here=key_id in keys.encryption_keys,
            made_at=keys.made_at.get(key_id),
            secrets=used.get(key_id, 0),
        )
        for key_id in (keys.current_key, *others)
    ]


async def rotate_keys(settings: Settings) -> Rotated:
    """
    Make a new key, have it encrypt from now on, and encrypt with it what others have encrypted.

    A rotation that was broken off is completed first, without another key. Others may serve
    meanwhile; it takes as long as one of them may need that has begun under the key before.

    Raises:
        SettingsError: If the instance has no keys or no database yet, or another one rotates.
    """
    async with _storage(settings) as storage:
        with _held(settings):
            keys = await to_thread.run_sync(_keys, settings)
            is_given = settings.encryption_keys is not None
            is_new = not is_given and not _others(await _count(storage), keys)
            if is_new:
                keys = keys.rotated(datetime.now(UTC))
                await to_thread.run_sync(replace_keys, _path(settings), keys)
            rotation = KeyRotation(storage, cipher_of(keys), keys.current_key)
            before = _others(await _count(storage), keys)
            unreadable = await rotation.reencrypt()
            if (rest := _unsettled(settings, keys)) > timedelta(0):
                await sleep(rest.total_seconds())
                unreadable = await rotation.reencrypt()
    return Rotated(
        current_key=keys.current_key,
        is_new=is_new,
        is_given=is_given,
        reencrypted=before - len(unreadable),
        unreadable=unreadable,
    )


async def prune_keys(settings: Settings) -> Pruned:
    """
    Remove all keys but the current one, where no secret needs them.

    Raises:
        SettingsError: If one is needed, or may be in a moment; nothing is removed then.
    """
    async with _storage(settings) as storage:
        with _held(settings):
            keys = await to_thread.run_sync(_keys, settings)
            _require_settled(settings, keys)
            _require_unused(keys, await _count(storage))
            unused = sorted(_old(keys))
            is_given = settings.encryption_keys is not None
            if unused and not is_given:
                await to_thread.run_sync(replace_keys, _path(settings), keys.without(unused))
    return Pruned(key_ids=unused, is_given=is_given)


def _keys(settings: Settings) -> Keys:
    """Return the keys that encrypt, be they set or in the file."""
    if (given := settings.encryption_keys) is not None:
        return Keys(signing_key=b"", encryption_keys=given, current_key=next(iter(given)))
    try:
        return load_keys(_path(settings))
    except OSError as error:
        raise SettingsError(
            f"There are no keys: {_path(settings)} cannot be read ({error.strerror}). Set "
            "PUSHPAKA_DATA_DIRECTORY or PUSHPAKA_ENCRYPTION_KEYS as serve has them."
        ) from None


@asynccontextmanager
async def _storage(settings: Settings) -> AsyncIterator[SqlStorage]:
    if settings.database == "memory":
        raise SettingsError(
            "What is kept in memory has no keys that could be changed. Set PUSHPAKA_DATABASE_URL "
            "as serve has it."
        )
    known = await to_thread.run_sync(known_instance_id, settings.data_directory)
    await require_same_instance(settings.storage_url, known)
    async with open_storage(settings.storage_url, migrate=False) as storage:
        yield storage


@contextmanager
def _held(settings: Settings) -> Iterator[None]:
    """Be the only one who changes the key file, where there is one."""
    with nullcontext() if settings.encryption_keys is not None else keys_held(_path(settings)):
        yield


async def _count(storage: SqlStorage) -> Mapping[str, int]:
    async with storage.snapshot() as uow:
        return await uow.secrets.count_by_key()


def _others(used: Mapping[str, int], keys: Keys) -> int:
    """Return how many secrets are under other keys than the current one."""
    return sum(number for key_id, number in used.items() if key_id != keys.current_key)


def _unsettled(settings: Settings, keys: Keys) -> timedelta:
    """Return for how long somebody may still write what they have encrypted by the key before."""
    made_at = keys.made_at.get(keys.current_key)
    if made_at is None:
        return timedelta(0)
    longest = settings.timings.silence
    return min(longest, made_at + longest - datetime.now(UTC))


def _require_settled(settings: Settings, keys: Keys) -> None:
    if (rest := _unsettled(settings, keys)) > timedelta(0):
        raise SettingsError(
            f"The current key {keys.current_key} is so new that somebody may still write what "
            f"an older one has encrypted. Try again in {rest.seconds + 1} seconds."
        )


def _require_unused(keys: Keys, used: Mapping[str, int]) -> None:
    needed = {k: n for k, n in used.items() if k in _old(keys)}
    if needed:
        told = ", ".join(f"{key_id} ({number})" for key_id, number in sorted(needed.items()))
        raise SettingsError(
            f"Stored secrets are still encrypted with older keys: {told}. "
            "Run `pushpaka keys rotate` first. No key was removed."
        )


def _old(keys: Keys) -> Collection[str]:
    return keys.encryption_keys.keys() - {keys.current_key}


def _path(settings: Settings) -> Path:
    return settings.data_directory / KEY_FILE
