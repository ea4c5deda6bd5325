"""The platform's own secrets, kept in a file that nobody else can read."""

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
"""What the file is called in the data directory."""
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
    made_at: Mapping[str, datetime] = field(factory=dict)
    """When, by key id; of a key that was made at the first start it is not known."""

    @classmethod
    def random(cls) -> Self:
        """Make keys that nobody had before."""
        current = _new_id()
        return cls(
            signing_key=secrets.token_bytes(_KEY_BYTES),
            encryption_keys={current: secrets.token_bytes(_KEY_BYTES)},
            current_key=current,
        )

    def rotated(self, at: datetime) -> Self:
        """Return the same keys with a new one, made *at* a time, that encrypts from now on."""
        new = _new_id()
        return evolve(
            self,
            encryption_keys={**self.encryption_keys, new: secrets.token_bytes(_KEY_BYTES)},
            current_key=new,
            made_at={**self.made_at, new: at},
        )

    def without(self, key_ids: Collection[str]) -> Self:
        """Return them without those that are not needed any more."""
        return evolve(
            self,
            encryption_keys={k: v for k, v in self.encryption_keys.items() if k not in key_ids},
            made_at={k: v for k, v in self.made_at.items() if k not in key_ids},
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
                made_at={
                    key_id: datetime.fromisoformat(time)
                    for key_id, time in fields.get("made_at", {}).items()
                },
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
            "made_at": {key_id: time.isoformat() for key_id, time in self.made_at.items()},
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
            return load_keys(path)
        except FileNotFoundError:
            _create(path)
            return load_keys(path)
    except OSError as error:
        raise _unusable(path, error) from None


def load_keys(path: Path) -> Keys:
    """
    Return the keys in *path*; OSError where it cannot be read.

    Raises:
        SettingsError: If others can read the file, or it does not hold keys.
    """
    with path.open(encoding="ascii") as file:
        _require_private(path, os.fstat(file.fileno()).st_mode)
        try:
            return Keys.parse(file.read())
        except ValueError:
            raise SettingsError(
                f"The key file {path} is damaged. Restore it from a backup; without it the "
                "stored secrets cannot be read."
            ) from None


def replace_keys(path: Path, keys: Keys) -> None:
    """
    Let *path* hold *keys* from now on, wholly or as before; once this returns, for good.

    Raises:
        SettingsError: If the disk refuses.
    """
    try:
        with _draft_of(path, keys) as draft:
            draft.replace(path)
            _sync(path.parent)
    except OSError as error:
        raise _unusable(path, error) from None


def _given(signing_key: bytes, encryption_keys: Mapping[str, bytes]) -> Keys:
    current = next(iter(encryption_keys))
    return Keys(signing_key=signing_key, encryption_keys=encryption_keys, current_key=current)


def _require_private(path: Path, mode: int) -> None:
    if mode & _OTHERS:
        raise SettingsError(
            f"The key file {path} can be read by others (mode {mode & 0o777:04o}). "
            f"Run: chmod 600 {path}"
        )


def _create(path: Path) -> None:
    with _draft_of(path, Keys.random()) as draft, suppress(FileExistsError):
        path.hardlink_to(draft)


@contextmanager
def _draft_of(path: Path, keys: Keys) -> Iterator[Path]:
    """Write a whole file beside *path* first, so that nobody ever reads half of one."""
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


def _sync(directory: Path) -> None:
    """Have the names in *directory* outlive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_id() -> str:
    return f"k{secrets.token_hex(4)}"


def _unusable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"The key file {path} cannot be used: {error.strerror}. Check the free space of its "
        "directory and who owns it."
    )


def _decoded(text: str) -> bytes:
    key = b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a key must have {_KEY_BYTES} bytes")
    return key
