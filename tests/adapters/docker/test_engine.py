"""Tests how buildx is found."""

from pathlib import Path

import pytest

from pushpaka_core.adapters.docker import engine
from pushpaka_core.adapters.docker.engine import find_buildx

_DOCKER = Path("/usr/bin/docker")


@pytest.fixture
def plugin_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only path at which the adapter looks for the buildx plugin."""
    plugin_path = tmp_path / "docker-buildx"
    monkeypatch.setattr(engine, "_PLUGINS", (plugin_path,))
    return plugin_path


def test_buildx_plugin_is_run_directly(plugin_path: Path) -> None:
    plugin_path.touch()

    assert (str(plugin_path),) == find_buildx(_DOCKER)


@pytest.mark.usefixtures("plugin_path")
def test_docker_command_is_used_if_the_plugin_is_in_another_directory() -> None:
    assert ("/usr/bin/docker", "buildx") == find_buildx(_DOCKER)
