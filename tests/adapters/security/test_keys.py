"""Tests that the key file is private, complete, and created only once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pushpaka_core.adapters.security.keys import PlatformKeys, load_or_create_keys, resolve_keys
from pushpaka_core.errors import SettingsError


def test_missing_file_is_created_for_its_owner_only(tmp_path: Path) -> None:
    """No temporary file is left next to it."""
    keys = load_or_create_keys(tmp_path / "keys.json")

    assert 32 == len(keys.signing_key)
    assert 0o600 == (tmp_path / "keys.json").stat().st_mode & 0o777
    assert ["keys.json"] == [path.name for path in tmp_path.iterdir()]


def test_second_start_loads_the_same_keys(tmp_path: Path) -> None:
    assert load_or_create_keys(tmp_path / "k") == load_or_create_keys(tmp_path / "k")


def test_parallel_starts_use_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(load_or_create_keys, [tmp_path / "k"] * 16))

    assert 1 == len({keys.text for keys in made})


def test_keys_of_the_settings_override_those_of_the_file(tmp_path: Path) -> None:
    """The signing key and the encryption keys can be set separately."""
    kept, ring = load_or_create_keys(tmp_path / "k"), {"b": b"b" * 32, "a": b"a" * 32}

    signed = resolve_keys(tmp_path / "k", signing_key=b"s", encryption_keys=None)
    encrypted = resolve_keys(tmp_path / "k", signing_key=None, encryption_keys=ring)
    both = resolve_keys(tmp_path / "none", signing_key=b"s", encryption_keys=ring)

    assert (b"s", kept.current_key) == (signed.signing_key, signed.current_key)
    assert (kept.signing_key, "b", ring) == (
        encrypted.signing_key,
        encrypted.current_key,
        encrypted.encryption_keys,
    )
    assert (b"s", "b") == (both.signing_key, both.current_key)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says how to fix the permissions."""
    load_or_create_keys(tmp_path / "k")
    (tmp_path / "k").chmod(mode)

    with pytest.raises(SettingsError, match="Run `chmod 600"):
        load_or_create_keys(tmp_path / "k")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"signing_key": "eA==", "encryption_keys": {}, "current_key": "a"}',
        PlatformKeys(signing_key=b"s" * 32, encryption_keys={"a": b"a" * 32}, current_key="b").text,
        "\N{SNOWMAN}",
    ],
)
def test_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    """The file is never replaced, because that would make every secret unreadable."""
    (tmp_path / "k").write_text(text)
    (tmp_path / "k").chmod(0o600)

    with pytest.raises(SettingsError, match="is damaged"):
        load_or_create_keys(tmp_path / "k")
    assert text == (tmp_path / "k").read_text()


def test_keys_are_not_shown() -> None:
    assert "sss" not in repr(
        PlatformKeys(signing_key=b"s" * 32, encryption_keys={"a": b"s" * 32}, current_key="a")
    )
