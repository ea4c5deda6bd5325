"""Operator commands for encryption keys: list, rotate and prune."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

from anyio import sleep, to_thread
from attrs import frozen

from pushpaka_core.adapters.files.instance_ids import read_instance_id
from pushpaka_core.adapters.security.key_file import key_file_lock, make_cipher
from pushpaka_core.adapters.security.keys import PlatformKeys, replace_keys
from pushpaka_core.adapters.sql.migration import require_same_instance
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.bootstrap.known_keys import key_file_of, known_keys
from pushpaka_core.domain.platform.stored_secrets import StoredSecret
from pushpaka_core.errors import SettingsError
from pushpaka_core.services.platform.key_rotation import KeyRotation
from pushpaka_core.settings.settings import Settings


@frozen(kw_only=True)
class KeyUsage:
    """An encryption key and how many secrets use it."""

    id: str
    is_current: bool
    is_here: bool
    """
    Whether the key is in the key ring, so that the secrets encrypted with it can be decrypted.
    """
    made_at: datetime | None
    secrets: int
    """The number of secrets that are encrypted with the key."""


@frozen(kw_only=True)
class RotationResult:
    """The result of a key rotation."""

    current_key: str
    """The id of the current key."""
    is_new: bool
    """Whether the rotation created the current key."""
    is_given: bool
    """
    Whether the keys come from PUSHPAKA_ENCRYPTION_KEYS, so that only the
    operator can add a key.
    """
    reencrypted: int
    """The number of secrets that were encrypted again."""
    unreadable: Sequence[StoredSecret]
    """Secrets that could not be decrypted."""


@frozen(kw_only=True)
class PruneResult:
    """The result of pruning keys."""

    key_ids: Sequence[str]
    """The ids of the keys that no secret uses."""
    is_given: bool
    """
    Whether the keys come from PUSHPAKA_ENCRYPTION_KEYS, so that the operator
    has to remove them.
    """


async def list_keys(settings: Settings) -> Sequence[KeyUsage]:
    """
    Return all keys, the current one first, including missing ones that secrets still need.

    Raises:
        SettingsError: If the instance has no keys or no database yet.
    """
    keys = await to_thread.run_sync(_keys, settings)
    async with _storage(settings) as storage:
        used = await _count_by_key(storage)
    others = sorted({*keys.encryption_keys, *used} - {keys.current_key})
    return [
        KeyUsage(
            id=key_id,
            is_current=key_id == keys.current_key,
            is_here=key_id in keys.encryption_keys,
            made_at=keys.made_at.get(key_id),
            secrets=used.get(key_id, 0),
        )
        for key_id in (keys.current_key, *others)
    ]


async def rotate_keys(settings: Settings) -> RotationResult:
    """
    Create a new current key and encrypt all secrets with it.

    An interrupted rotation is completed first, without creating another key. The instance can keep
    running. The rotation waits until no open transaction can still use the old key.

    Raises:
        SettingsError: If the instance has no keys or no database yet, or if another rotation is
            running.
    """
    async with _storage(settings) as storage:
        with _key_file_lock(settings):
            keys = await to_thread.run_sync(_keys, settings)
            is_given = settings.encryption_keys is not None
            is_new = not is_given and not _count_other_keys(await _count_by_key(storage), keys)
            if is_new:
                keys = keys.rotated(datetime.now(UTC))
                await to_thread.run_sync(replace_keys, key_file_of(settings), keys)
            rotation = KeyRotation(storage, make_cipher(keys), keys.current_key)
            before = _count_other_keys(await _count_by_key(storage), keys)
            unreadable = await rotation.reencrypt()
            if (rest := _time_until_settled(settings, keys)) > timedelta(0):
                await sleep(rest.total_seconds())
                unreadable = await rotation.reencrypt()
    return RotationResult(
        current_key=keys.current_key,
        is_new=is_new,
        is_given=is_given,
        reencrypted=before - len(unreadable),
        unreadable=unreadable,
    )


async def prune_keys(settings: Settings) -> PruneResult:
    """
    Remove all keys except the current one.

    If the keys come from PUSHPAKA_ENCRYPTION_KEYS, nothing is removed: the result lists the keys to
    remove.

    Raises:
        SettingsError: If a secret uses an old key, or may do so soon. Nothing is removed.
    """
    async with _storage(settings) as storage:
        with _key_file_lock(settings):
            keys = await to_thread.run_sync(_keys, settings)
            _require_settled(settings, keys)
            _require_unused(keys, await _count_by_key(storage))
            unused = sorted(_old_key_ids(keys))
            is_given = settings.encryption_keys is not None
            if unused and not is_given:
                await to_thread.run_sync(replace_keys, key_file_of(settings), keys.without(unused))
    return PruneResult(key_ids=unused, is_given=is_given)


def _keys(settings: Settings) -> PlatformKeys:
    """Return the known keys, or raise SettingsError if there are none."""
    keys = known_keys(settings)
    if keys is None:
        raise SettingsError(
            f"There are no keys: the file {key_file_of(settings)} does not exist. Set "
            "PUSHPAKA_DATA_DIRECTORY and PUSHPAKA_ENCRYPTION_KEYS to the values that `pushpaka "
            "serve` uses."
        )
    return keys


@asynccontextmanager
async def _storage(settings: Settings) -> AsyncIterator[SqlStorage]:
    if settings.database == "memory":
        raise SettingsError(
            "An in-memory database has no keys to manage. Set PUSHPAKA_DATABASE_URL to the value "
            "that `pushpaka serve` uses."
        )
    known = await to_thread.run_sync(read_instance_id, settings.data_directory)
    await require_same_instance(settings.storage_url, known)
    async with open_storage(settings.storage_url, migrate=False) as storage:
        yield storage


@contextmanager
def _key_file_lock(settings: Settings) -> Iterator[None]:
    """Lock the key file, if there is one."""
    with (
        nullcontext()
        if settings.encryption_keys is not None
        else key_file_lock(key_file_of(settings))
    ):
        yield


async def _count_by_key(storage: SqlStorage) -> Mapping[str, int]:
    async with storage.snapshot() as uow:
        return await uow.secrets.count_by_key()


def _count_other_keys(counts_by_key: Mapping[str, int], keys: PlatformKeys) -> int:
    """Return the number of secrets that are not encrypted with the current key."""
    return sum(number for key_id, number in counts_by_key.items() if key_id != keys.current_key)


def _time_until_settled(settings: Settings, keys: PlatformKeys) -> timedelta:
    """Return the time until no open transaction can still write a secret with an old key."""
    made_at = keys.made_at.get(keys.current_key)
    if made_at is None:
        return timedelta(0)
    longest = settings.timings.lease_timeout
    return min(longest, made_at + longest - datetime.now(UTC))


def _require_settled(settings: Settings, keys: PlatformKeys) -> None:
    if (rest := _time_until_settled(settings, keys)) > timedelta(0):
        raise SettingsError(
            f"The current key {keys.current_key} is so new that running transactions can still use "
            f"an older one. Try again in {rest.seconds + 1} seconds."
        )


def _require_unused(keys: PlatformKeys, counts_by_key: Mapping[str, int]) -> None:
    needed = {k: n for k, n in counts_by_key.items() if k in _old_key_ids(keys)}
    if needed:
        counts = ", ".join(f"{key_id} ({number})" for key_id, number in sorted(needed.items()))
        raise SettingsError(
            f"Stored secrets are still encrypted with older keys: {counts}. "
            "Run `pushpaka keys rotate` first. No key was removed."
        )


def _old_key_ids(keys: PlatformKeys) -> Collection[str]:
    return keys.encryption_keys.keys() - {keys.current_key}
