"""Tests the lock, the ports and the instance id of a data directory."""

import fcntl
import json
import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from errno import EBADF
from pathlib import Path
from threading import Barrier
from typing import IO
from uuid import uuid4

import pytest

from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices, location_digest
from pushpaka_core.adapters.files.instance_ids import (
    read_instance_id,
    replace_instance_id,
    store_instance_id,
)
from pushpaka_core.adapters.files.lock import data_directory_lock
from pushpaka_core.errors import SettingsError


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_second_server_is_rejected_with_an_explanation(tmp_path: Path) -> None:
    with (
        data_directory_lock(tmp_path),
        pytest.raises(SettingsError, match="is already using /"),
        data_directory_lock(tmp_path),
    ):
        pass


def test_second_server_is_rejected_without_the_lock_file(tmp_path: Path) -> None:
    """The directory itself is locked as well, so that deleting the lock file does not help."""
    with data_directory_lock(tmp_path):
        (tmp_path / "serve.lock").unlink()

        with (
            pytest.raises(SettingsError, match="is already using /"),
            data_directory_lock(tmp_path),
        ):
            pass

    with data_directory_lock(tmp_path):
        pass


def test_file_system_without_directory_locks_is_supported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS does not support locks on directories."""
    lock = fcntl.flock

    def flock(file: IO[str] | int, operation: int) -> None:
        if isinstance(file, int):
            raise OSError(EBADF, "Bad file descriptor")
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with data_directory_lock(tmp_path), pytest.raises(SettingsError), data_directory_lock(tmp_path):
        pass


def test_shared_locks_exclude_exclusive_ones(tmp_path: Path) -> None:
    with (
        data_directory_lock(tmp_path, is_shared=True),
        data_directory_lock(tmp_path, is_shared=True),
        pytest.raises(SettingsError, match="Stop it first"),
        data_directory_lock(tmp_path),
    ):
        pass

    with (
        data_directory_lock(tmp_path),
        pytest.raises(SettingsError, match=f"process {os.getpid()}"),
        data_directory_lock(tmp_path, is_shared=True),
    ):
        pass


def test_concurrent_processes_make_the_same_choices(tmp_path: Path) -> None:
    path, count = tmp_path / "choices.json", 8
    begin = Barrier(count)

    def load_choices(_: int) -> FirstStartChoices:
        begin.wait()
        return FirstStartChoices.load_or_create(path, host="127.0.0.1")

    with ThreadPoolExecutor(count) as threads:
        choices = set(threads.map(load_choices, range(count)))

    assert {FirstStartChoices.load_or_create(path, host="127.0.0.1")} == choices
    assert ["choices.json"] == [file.name for file in tmp_path.iterdir()]


def test_first_choice_of_ports_is_kept(tmp_path: Path) -> None:
    """The port of a running router must not change."""
    first = FirstStartChoices.load_or_create(tmp_path / "choices.json", host="127.0.0.1")

    again = FirstStartChoices.load_or_create(tmp_path / "choices.json", host="127.0.0.1")

    assert first == again
    assert first.router_port == 80 or first.router_port in range(8000, 8100)


def test_port_in_use_is_not_chosen(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]

        choices = FirstStartChoices.load_or_create(tmp_path / "choices.json", host="127.0.0.1")

    assert taken not in (choices.router_port, choices.router_internal_port)


def test_configured_port_is_used_without_a_check(tmp_path: Path) -> None:
    """The address belongs to another machine, so a check would fail."""
    choices = FirstStartChoices.load_or_create(
        tmp_path / "choices.json", host="192.0.2.1", port=8443
    )

    assert 8443 == choices.router_port


@pytest.mark.skipif(not _has_ipv6(), reason="this host has no IPv6")
@pytest.mark.parametrize("host", ["::", "::1"])
def test_port_is_chosen_for_ipv6_addresses(host: str, tmp_path: Path) -> None:
    choices = FirstStartChoices.load_or_create(tmp_path / "choices.json", host=host)

    assert choices.router_port == 80 or choices.router_port in range(8000, 8100)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_address_of_another_machine_is_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"listen on {host}: .*\. Set PUSHPAKA_ROUTER_HOST"):
        FirstStartChoices.load_or_create(tmp_path / "choices.json", host=host)

    assert [] == list(tmp_path.iterdir())


def test_excluded_ports_are_not_chosen(tmp_path: Path) -> None:
    others = {80, *range(8000, 8099), *range(600, 1024), *range(10_000, 19_000)}

    choices = FirstStartChoices.load_or_create(
        tmp_path / "choices.json", host="127.0.0.1", excluded_ports=others
    )

    chosen = {
        choices.router_port,
        choices.router_internal_port,
        choices.router_page_port,
        choices.router_gate_port,
    }
    assert set() == others & chosen


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"router_port": 1})])
def test_damaged_choices_are_reported(tmp_path: Path, text: str) -> None:
    """The error explains how to fix the file."""
    (tmp_path / "choices.json").write_text(text)

    with pytest.raises(SettingsError, match=r"is damaged\. Restore it from a backup\."):
        FirstStartChoices.load_or_create(tmp_path / "choices.json", host="127.0.0.1")


def test_directory_in_place_of_the_choices_is_reported(tmp_path: Path) -> None:
    (tmp_path / "choices.json").mkdir()

    with pytest.raises(SettingsError, match="cannot be read"):
        FirstStartChoices.load_or_create(tmp_path / "choices.json", host="127.0.0.1")


def test_copied_data_directory_has_another_id(tmp_path: Path) -> None:
    """The directory id depends on the location, so that a copy is not mistaken for the original."""
    here, copy = tmp_path / "here", tmp_path / "copy"
    here.mkdir()
    chosen = FirstStartChoices.load_or_create(here / "choices.json", host="127.0.0.1")
    shutil.copytree(here, copy)

    copied = FirstStartChoices.load_or_create(copy / "choices.json", host="127.0.0.1")

    assert chosen == copied
    assert chosen.data_directory_id == chosen.directory_id_at(location_digest(here))
    assert f"{chosen.data_directory_id}@{location_digest(copy)}" == copied.directory_id_at(
        location_digest(copy)
    )


def test_a_data_directory_belongs_to_its_first_instance(tmp_path: Path) -> None:
    """Only an import can change the instance of a data directory."""
    first, second = uuid4(), uuid4()
    assert read_instance_id(tmp_path) is None

    store_instance_id(tmp_path, first)
    store_instance_id(tmp_path, first)
    with pytest.raises(SettingsError, match="belongs to another instance"):
        store_instance_id(tmp_path, second)
    assert first == read_instance_id(tmp_path)

    replace_instance_id(tmp_path, second)
    assert second == read_instance_id(tmp_path)


def test_a_damaged_instance_id_is_reported(tmp_path: Path) -> None:
    (tmp_path / "instance-id").write_text("")

    with pytest.raises(SettingsError, match="is damaged"):
        read_instance_id(tmp_path)
