"""What one data directory keeps, and that only one server uses it."""

import json
import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest

from pushpaka_core.adapters.files.choices import Choices, place_of
from pushpaka_core.adapters.files.instance_ids import (
    change_instance_id,
    keep_instance_id,
    known_instance_id,
)
from pushpaka_core.adapters.files.lock import locked
from pushpaka_core.errors import SettingsError


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_second_server_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Two servers on one database would both call its jobs their own."""
    with (
        locked(tmp_path),
        pytest.raises(SettingsError, match=r"serves from .* already"),
        locked(tmp_path),
    ):
        pass


def test_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    """A restart needs no cleaning up."""
    with locked(tmp_path):
        pass

    with locked(tmp_path):
        assert (tmp_path / "serve.lock").read_text()


def test_several_may_share_what_nobody_has_alone(tmp_path: Path) -> None:
    """Who wants it alone is refused meanwhile, and they are while somebody has it."""
    with (
        locked(tmp_path, shared=True),
        locked(tmp_path, shared=True),
        pytest.raises(SettingsError, match="Stop it first"),
        locked(tmp_path),
    ):
        pass

    with (
        locked(tmp_path),
        pytest.raises(SettingsError, match=f"process {os.getpid()}"),
        locked(tmp_path, shared=True),
    ):
        pass


def test_all_that_choose_at_once_choose_the_same(tmp_path: Path) -> None:
    """An API and its workers may be started together in a new directory."""
    path, count = tmp_path / "choices.json", 8
    begin = Barrier(count)

    def choose(_: int) -> Choices:
        begin.wait()
        return Choices.load_or_make(path, host="127.0.0.1")

    with ThreadPoolExecutor(count) as threads:
        choices = set(threads.map(choose, range(count)))

    assert {Choices.load_or_make(path, host="127.0.0.1")} == choices
    assert ["choices.json"] == [file.name for file in tmp_path.iterdir()]


def test_first_choice_of_ports_is_kept(tmp_path: Path) -> None:
    """The router that runs on must be found again."""
    first = Choices.load_or_make(tmp_path / "choices.json", host="127.0.0.1")

    again = Choices.load_or_make(tmp_path / "choices.json", host="127.0.0.1")

    assert first == again
    assert first.router_port == 80 or first.router_port in range(8000, 8100)


def test_port_that_is_taken_is_not_chosen(tmp_path: Path) -> None:
    """The first start works beside other programs."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]

        choices = Choices.load_or_make(tmp_path / "choices.json", host="127.0.0.1")

    assert taken not in (choices.router_port, choices.router_internal_port)


def test_port_that_is_set_needs_no_choice(tmp_path: Path) -> None:
    """Where the operator has decided, no port is looked for, not even whether it is free."""
    choices = Choices.load_or_make(tmp_path / "choices.json", host="192.0.2.1", port=8443)

    assert 8443 == choices.router_port


@pytest.mark.skipif(not _has_ipv6(), reason="this host has no IPv6")
@pytest.mark.parametrize("host", ["::", "::1"])
def test_port_is_chosen_on_an_address_of_either_kind(host: str, tmp_path: Path) -> None:
    """The router may listen on IPv6 as well."""
    choices = Choices.load_or_make(tmp_path / "choices.json", host=host)

    assert choices.router_port == 80 or choices.router_port in range(8000, 8100)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_address_of_another_machine_is_told_with_its_setting(host: str, tmp_path: Path) -> None:
    """No port would help where the address is at fault."""
    with pytest.raises(SettingsError, match=rf"listen on {host}: .*\. Set PUSHPAKA_ROUTER_HOST"):
        Choices.load_or_make(tmp_path / "choices.json", host=host)

    assert [] == list(tmp_path.iterdir())


def test_ports_of_others_are_not_chosen(tmp_path: Path) -> None:
    """What the API or applications listen on is left to them."""
    others = {80, *range(8000, 8099), *range(600, 1024), *range(10_000, 19_000)}

    choices = Choices.load_or_make(tmp_path / "choices.json", host="127.0.0.1", apart_from=others)

    chosen = {choices.router_port, choices.router_internal_port, choices.router_page_port}
    assert set() == others & chosen


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"router_port": 1})])
def test_damaged_choices_are_told(tmp_path: Path, text: str) -> None:
    """The sentence says what to do."""
    (tmp_path / "choices.json").write_text(text)

    with pytest.raises(SettingsError, match=r"is damaged\. Remove it"):
        Choices.load_or_make(tmp_path / "choices.json", host="127.0.0.1")


def test_a_copy_of_a_data_directory_is_told_from_it(tmp_path: Path) -> None:
    """Also though all that is in it says the same."""
    here, copy = tmp_path / "here", tmp_path / "copy"
    here.mkdir()
    chosen = Choices.load_or_make(here / "choices.json", host="127.0.0.1")
    shutil.copytree(here, copy)

    copied = Choices.load_or_make(copy / "choices.json", host="127.0.0.1")

    assert chosen == copied
    assert chosen.home == chosen.home_at(place_of(here))
    assert f"{chosen.home}@{place_of(copy)}" == copied.home_at(place_of(copy))


def test_a_data_directory_is_of_the_first_instance_that_uses_it(tmp_path: Path) -> None:
    """Another one is refused, until its rows are those that are exchanged for the first one's."""
    first, second = uuid4(), uuid4()
    assert known_instance_id(tmp_path) is None

    keep_instance_id(tmp_path, first)
    keep_instance_id(tmp_path, first)
    with pytest.raises(SettingsError, match="is of another instance"):
        keep_instance_id(tmp_path, second)
    assert first == known_instance_id(tmp_path)

    change_instance_id(tmp_path, second)
    assert second == known_instance_id(tmp_path)


def test_a_damaged_instance_id_is_told(tmp_path: Path) -> None:
    """It is not taken for that of a new directory."""
    (tmp_path / "instance-id").write_text("")

    with pytest.raises(SettingsError, match="is damaged"):
        known_instance_id(tmp_path)
