"""The platform's own keys, in a file that only its user can read."""

import hmac
import json
import os
import secrets
import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.errors import SettingsError

KEY_FILE = "keys.json"
"""The name of the key file in the data directory."""
_KEY_BYTES = 32
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@frozen(kw_only=True)
class PlatformKeys:
    """The keys that sign tokens and encrypt secrets."""

    signing_key: bytes = field(repr=False)
    encryption_keys: Mapping[str, bytes] = field(repr=False)
    """The key ring: keys by id."""
    current_key: str
    """Id of the key that encrypts. The others only decrypt."""
    made_at: Mapping[str, datetime] = field(factory=dict)
    """Creation times by key id. The key from the first start has none."""

    @classmethod
    def generate(cls) -> Self:
        """Return new random keys."""
        current = _new_id()
        return cls(
            signing_key=secrets.token_bytes(_KEY_BYTES),
            encryption_keys={current: secrets.token_bytes(_KEY_BYTES)},
            current_key=current,
        )

    def rotated(self, now: datetime) -> Self:
        """Return the keys with a new current key, whose creation time is *now*."""
        new = _new_id()
        return evolve(
            self,
            encryption_keys={**self.encryption_keys, new: secrets.token_bytes(_KEY_BYTES)},
            current_key=new,
            made_at={**self.made_at, new: now},
        )

    def without(self, key_ids: Collection[str]) -> Self:
        """Return the keys without *key_ids*."""
        return evolve(
            self,
            encryption_keys={k: v for k, v in self.encryption_keys.items() if k not in key_ids},
            made_at={k: v for k, v in self.made_at.items() if k not in key_ids},
        )

    @property
    def router_secret(self) -> str:
        """Return the secret that routers add to requests, so that the API recognizes them."""
        return hmac.digest(self.signing_key, b"pushpaka router", "sha256").hex()

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Parse the content of a key file.

        Raises:
            ValueError: If it is not valid.
        """
        try:
            fields = json.loads(text)
            keys = cls(
                signing_key=_decoded(fields["signing_key"]),
                encryption_keys={
                    key_id: _decoded(key) for key_id, key in fields["encryption_keys"].items()
                },
                current_key=fields["current_key"],
                made_at={
                    key_id: datetime.fromisoformat(time)
                    for key_id, time in fields.get("made_at", {}).items()
                },
            )
        except (KeyError, TypeError, AttributeError, Base64Error) as error:
            raise ValueError(f"not a key file: {error}") from None
        if keys.current_key not in keys.encryption_keys:
            raise ValueError("the current key is not in the key ring")
        return keys

    @property
    def text(self) -> str:
        """Return the keys in the format of a key file."""
        fields = {
            "signing_key": b64encode(self.signing_key).decode(),
            "encryption_keys": {
                key_id: b64encode(key).decode() for key_id, key in self.encryption_keys.items()
            },
            "current_key": self.current_key,
            "made_at": {key_id: time.isoformat() for key_id, time in self.made_at.items()},
        }
        return json.dumps(fields, indent=2) + "\n"


def resolve_keys(
    path: Path, *, signing_key: bytes | None, encryption_keys: Mapping[str, bytes] | None
) -> PlatformKeys:
    """
    Return the given keys, and read those that are None from the file at *path*.

    The first of *encryption_keys* becomes the current one.
    """
    if signing_key is not None and encryption_keys is not None:
        return _keys_from_settings(signing_key, encryption_keys)
    kept = load_or_create_keys(path)
    if encryption_keys is not None:
        return _keys_from_settings(kept.signing_key, encryption_keys)
    return kept if signing_key is None else evolve(kept, signing_key=signing_key)


def load_or_create_keys(path: Path) -> PlatformKeys:
    """
    Return the keys in *path*. A missing file is created with random keys.

    If several processes create it at once, all of them return the same keys.

    Raises:
        SettingsError: If others can read the file, it is damaged, or it cannot be created.
    """
    try:
        try:
            return load_keys(path)
        except FileNotFoundError:
            _create(path)
            return load_keys(path)
    except OSError as error:
        raise _unusable_key_file_error(path, error) from None


def load_keys(path: Path) -> PlatformKeys:
    """
    Return the keys in *path*.

    Raises:
        OSError: If the file cannot be read.
        SettingsError: If others can read the file, or it is damaged.
    """
    with path.open(encoding="ascii") as file:
        _require_private(path, os.fstat(file.fileno()).st_mode)
        try:
            return PlatformKeys.parse(file.read())
        except ValueError:
            raise SettingsError(
                f"The key file {path} is damaged. Restore it from a backup. Without it, the stored"
                " secrets cannot be decrypted."
            ) from None


def replace_keys(path: Path, keys: PlatformKeys) -> None:
    """
    Replace the keys in *path*, atomically and durably.

    Raises:
        SettingsError: If the file cannot be written.
    """
    try:
        with _temporary_file(path, keys) as draft:
            draft.replace(path)
            _sync_directory(path.parent)
    except OSError as error:
        raise _unusable_key_file_error(path, error) from None


def _keys_from_settings(signing_key: bytes, encryption_keys: Mapping[str, bytes]) -> PlatformKeys:
    current = next(iter(encryption_keys))
    return PlatformKeys(
        signing_key=signing_key, encryption_keys=encryption_keys, current_key=current
    )


def _require_private(path: Path, mode: int) -> None:
    if mode & _GROUP_AND_OTHERS:
        raise SettingsError(
            f"The key file {path} is readable by other users (mode {mode & 0o777:04o}). Run"
            f" `chmod 600 {path}`."
        )


def _create(path: Path) -> None:
    with _temporary_file(path, PlatformKeys.generate()) as draft, suppress(FileExistsError):
        path.hardlink_to(draft)


@contextmanager
def _temporary_file(path: Path, keys: PlatformKeys) -> Iterator[Path]:
    """Write the keys to a temporary file next to *path*, so that readers never see a part of it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(keys.text)
            file.flush()
            os.fsync(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Flush the entries of *directory* to disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_id() -> str:
    return f"k{secrets.token_hex(4)}"


def _unusable_key_file_error(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"The key file {path} cannot be used: {error.strerror}. Check the owner and the free space"
        " of its directory."
    )


def _decoded(text: str) -> bytes:
    key = b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a key must be {_KEY_BYTES} bytes long")
    return key
