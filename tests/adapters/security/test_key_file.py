"""A process goes on with the keys that a file holds by now."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pushpaka_core.adapters.security.key_file import KeyFileCipher, keys_held
from pushpaka_core.adapters.security.keys import Keys, load_or_create_keys, replace_keys
from pushpaka_core.errors import PlatformFaultError, SettingsError
from pushpaka_core.testing.objects import NOON


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def keys(path: Path) -> Keys:
    return load_or_create_keys(path)


@pytest.fixture
def cipher(path: Path, keys: Keys) -> KeyFileCipher:
    return KeyFileCipher.of(path, keys)


def test_a_new_key_encrypts_at_once(path: Path, keys: Keys, cipher: KeyFileCipher) -> None:
    """Who has the file open since long encrypts by the key that was made just now."""
    older = cipher.encrypt("older", context="c")
    rotated = keys.rotated(NOON)
    replace_keys(path, rotated)

    newer = cipher.encrypt("newer", context="c")

    assert (keys.current_key, rotated.current_key) == (older.key_id, newer.key_id)
    assert ["older", "newer"] == [cipher.decrypt(each, context="c") for each in (older, newer)]


def test_what_another_process_has_encrypted_is_opened(
    path: Path, keys: Keys, cipher: KeyFileCipher
) -> None:
    """A key that is not known is looked for in the file."""
    cipher.encrypt("before", context="c")
    replace_keys(path, keys.rotated(NOON))
    other = KeyFileCipher.of(path, keys).encrypt("theirs", context="c")

    assert "theirs" == cipher.decrypt(other, context="c")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("{"),
        lambda path: path.chmod(0o644),
        lambda path: path.rename(path.with_name("elsewhere")),
    ],
    ids=["damaged", "open to others", "gone"],
)
def test_a_file_that_cannot_be_read_is_tried_again(
    path: Path, keys: Keys, cipher: KeyFileCipher, spoil: Callable[[Path], object]
) -> None:
    """Nothing is encrypted by a key that may be gone; what is known can be read, and it mends."""
    known = cipher.encrypt("known", context="c")
    rotated = keys.rotated(NOON)
    replace_keys(path, rotated)
    spoil(path)

    for _ in range(2):
        with pytest.raises(PlatformFaultError, match="cannot be read"):
            cipher.encrypt("lost", context="c")
    assert "known" == cipher.decrypt(known, context="c")
    replace_keys(path, rotated)

    assert rotated.current_key == cipher.encrypt("kept", context="c").key_id


def test_a_key_that_is_nowhere_is_told(path: Path, keys: Keys, cipher: KeyFileCipher) -> None:
    """What was encrypted by a key that the file does not have names that key."""
    replace_keys(path, rotated := keys.rotated(NOON))
    sealed = KeyFileCipher.of(path, rotated).encrypt("x", context="c")
    replace_keys(path, keys)

    with pytest.raises(PlatformFaultError, match=rotated.current_key):
        cipher.decrypt(sealed, context="c")


def test_a_replaced_file_is_private_and_whole(path: Path, keys: Keys) -> None:
    """It holds all keys with their times, is its owner's alone, and no draft is left."""
    rotated = keys.rotated(NOON)

    replace_keys(path, rotated)

    assert rotated == load_or_create_keys(path)
    assert 0o600 == path.stat().st_mode & 0o777
    assert ["keys.json"] == [each.name for each in path.parent.iterdir()]


def test_a_file_without_times_is_read(path: Path, keys: Keys) -> None:
    """The version before wrote none."""
    text = keys.text.replace(',\n  "made_at": {}', "")
    assert "made_at" not in text
    path.write_text(text)

    assert keys == load_or_create_keys(path)


def test_keys_are_taken_out(keys: Keys) -> None:
    """What is left is as it was."""
    twice = keys.rotated(NOON).rotated(NOON)
    (first, second, third) = twice.encryption_keys

    left = twice.without([first, second])

    assert ([third], [third]) == (list(left.encryption_keys), list(left.made_at))
    assert (third, keys.signing_key) == (left.current_key, left.signing_key)


def test_one_at_a_time_changes_the_keys(path: Path) -> None:
    """A second one is refused, until the first has ended."""
    told = "changes the keys just now"
    with keys_held(path), pytest.raises(SettingsError, match=told), keys_held(path):
        pass
    with keys_held(path):
        pass
