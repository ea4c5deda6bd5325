"""Tests that a running process uses the current keys of the key file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pushpaka_core.adapters.security.key_file import KeyFileCipher, key_file_lock
from pushpaka_core.adapters.security.keys import PlatformKeys, load_or_create_keys, replace_keys
from pushpaka_core.errors import PlatformFaultError, SettingsError
from pushpaka_core.testing.objects.values import NOON


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def keys(path: Path) -> PlatformKeys:
    return load_or_create_keys(path)


@pytest.fixture
def cipher(path: Path, keys: PlatformKeys) -> KeyFileCipher:
    return KeyFileCipher.of(path, keys)


def test_a_new_key_is_used_for_encryption_at_once(
    path: Path, keys: PlatformKeys, cipher: KeyFileCipher
) -> None:
    """The process does not have to be restarted."""
    older = cipher.encrypt("older", context="c")
    rotated = keys.rotated(NOON)
    replace_keys(path, rotated)

    newer = cipher.encrypt("newer", context="c")

    assert (keys.current_key, rotated.current_key) == (older.key_id, newer.key_id)
    assert ["older", "newer"] == [cipher.decrypt(each, context="c") for each in (older, newer)]


def test_secrets_of_another_process_can_be_decrypted(
    path: Path, keys: PlatformKeys, cipher: KeyFileCipher
) -> None:
    """If a key is unknown, the process reads the file again."""
    cipher.encrypt("before", context="c")
    replace_keys(path, keys.rotated(NOON))
    other = KeyFileCipher.of(path, keys).encrypt("theirs", context="c")

    assert "theirs" == cipher.decrypt(other, context="c")


@pytest.mark.parametrize(
    "break_file",
    [
        lambda path: path.write_text("{"),
        lambda path: path.chmod(0o644),
        lambda path: path.rename(path.with_name("elsewhere")),
    ],
    ids=["damaged", "open to others", "gone"],
)
def test_an_unreadable_file_is_read_again_later(
    path: Path, keys: PlatformKeys, cipher: KeyFileCipher, break_file: Callable[[Path], object]
) -> None:
    """Nothing is encrypted until the file is readable, and known keys still decrypt."""
    known = cipher.encrypt("known", context="c")
    rotated = keys.rotated(NOON)
    replace_keys(path, rotated)
    break_file(path)

    for _ in range(2):
        with pytest.raises(PlatformFaultError, match="cannot be read"):
            cipher.encrypt("lost", context="c")
    assert "known" == cipher.decrypt(known, context="c")
    replace_keys(path, rotated)

    assert rotated.current_key == cipher.encrypt("kept", context="c").key_id


def test_a_missing_key_is_reported(path: Path, keys: PlatformKeys, cipher: KeyFileCipher) -> None:
    """The error contains the id of the key."""
    replace_keys(path, rotated := keys.rotated(NOON))
    sealed = KeyFileCipher.of(path, rotated).encrypt("x", context="c")
    replace_keys(path, keys)

    with pytest.raises(PlatformFaultError, match=rotated.current_key):
        cipher.decrypt(sealed, context="c")


def test_replaced_key_file_is_private_and_complete(path: Path, keys: PlatformKeys) -> None:
    """No temporary file is left next to it."""
    rotated = keys.rotated(NOON)

    replace_keys(path, rotated)

    assert rotated == load_or_create_keys(path)
    assert 0o600 == path.stat().st_mode & 0o777
    assert ["keys.json"] == [each.name for each in path.parent.iterdir()]


def test_key_file_without_creation_times_is_read(path: Path, keys: PlatformKeys) -> None:
    """The keys have no creation times in files of earlier versions."""
    text = keys.text.replace(',\n  "made_at": {}', "")
    assert "made_at" not in text
    path.write_text(text)

    assert keys == load_or_create_keys(path)


def test_keys_can_be_removed(keys: PlatformKeys) -> None:
    twice = keys.rotated(NOON).rotated(NOON)
    (first, second, third) = twice.encryption_keys

    left = twice.without([first, second])

    assert ([third], [third]) == (list(left.encryption_keys), list(left.made_at))
    assert (third, keys.signing_key) == (left.current_key, left.signing_key)


def test_keys_are_changed_by_one_process_at_a_time(path: Path) -> None:
    message = "is changing the keys"
    with key_file_lock(path), pytest.raises(SettingsError, match=message), key_file_lock(path):
        pass
    with key_file_lock(path):
        pass
