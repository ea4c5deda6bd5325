"""The platform's own secrets, kept in a file that nobody else can read."""

import json
import os
import secrets
import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.errors import SettingsError

_KEY_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@frozen(kw_only=True)
class Keys:
    """What signs tokens, and what encrypts secrets."""

    signing_key: bytes = field(repr=False)
    encryption_keys: Mapping[str, bytes] = field(repr=False)
    """The key ring, by key id."""
    current_key: str
    """The id of the key that encrypts; the others only decrypt."""

    @classmethod
    def random(cls) -> Self:
        """Make keys that nobody had before."""
        current = f"k{secrets.token_hex(4)}"
        return cls(
            signing_key=secrets.token_bytes(_KEY_BYTES),
            encryption_keys={current: secrets.token_bytes(_KEY_BYTES)},
            current_key=current,
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read what `text` has written.

        Raises:
            ValueError: If it is something else.
        """
        try:
            fields = json.loads(text)
            keys = cls(
                signing_key=_decoded(fields["signing_key"]),
                encryption_keys={
                    key_id: _decoded(key) for key_id, key in fields["encryption_keys"].items()
                },
                current_key=fields["current_key"],
            )
        except (KeyError, TypeError, AttributeError, Base64Error) as error:
            raise ValueError(f"no keys: {error}") from None
        if keys.current_key not in keys.encryption_keys:
            raise ValueError("the current key is not in the key ring")
        return keys

    @property
    def text(self) -> str:
        """Return the keys as they are kept."""
        fields = {
            "signing_key": b64encode(self.signing_key).decode(),
            "encryption_keys": {
                key_id: b64encode(key).decode() for key_id, key in self.encryption_keys.items()
            },
            "current_key": self.current_key,
        }
        return json.dumps(fields, indent=2) + "\n"


def keys_of(
    path: Path, *, signing_key: bytes | None, encryption_keys: Mapping[str, bytes] | None
) -> Keys:
    """Return the given keys, the first of them current, and what is not given from a file."""
    if signing_key is not None and encryption_keys is not None:
        return _given(signing_key, encryption_keys)
    kept = load_or_create_keys(path)
    if encryption_keys is not None:
        return _given(kept.signing_key, encryption_keys)
    return kept if signing_key is None else evolve(kept, signing_key=signing_key)


def load_or_create_keys(path: Path) -> Keys:
    """
    Return the keys in *path*, which is made with random ones where it does not exist.

    Of several that make it at once one wins, and all return the same keys.

    Raises:
        SettingsError: If others can read the file, it does not hold keys, or the disk refuses.
    """
    try:
        try:
            return _load(path)
        except FileNotFoundError:
            _create(path)
            return _load(path)
    except OSError as error:
        raise SettingsError(
            f"The key file {path} cannot be used: {error.strerror}. Check the free space of its "
            "directory and who owns it."
        ) from None


def _given(signing_key: bytes, encryption_keys: Mapping[str, bytes]) -> Keys:
    current = next(iter(encryption_keys))
    return Keys(signing_key=signing_key, encryption_keys=encryption_keys, current_key=current)


def _load(path: Path) -> Keys:
    with path.open(encoding="ascii") as file:
        _require_private(path, os.fstat(file.fileno()).st_mode)
        try:
            return Keys.parse(file.read())
        except ValueError:
            raise SettingsError(
                f"The key file {path} is damaged. Restore it from a backup; without it the "
                "stored secrets cannot be read."
            ) from None


def _require_private(path: Path, mode: int) -> None:
    if mode & _OTHERS:
        raise SettingsError(
            f"The key file {path} can be read by others (mode {mode & 0o777:04o}). "
            f"Run: chmod 600 {path}"
        )


def _create(path: Path) -> None:
    """Write a whole file beside *path* first, so that nobody ever reads half of one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(Keys.random().text)
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _decoded(text: str) -> bytes:
    key = b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a key must have {_KEY_BYTES} bytes")
    return key
