"""How buildx is found."""

from pathlib import Path

import pytest

from pushpaka_core.adapters.docker import command_line
from pushpaka_core.adapters.docker.command_line import find_buildx

_DOCKER = Path("/usr/bin/docker")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the one place where the plugin may lie."""
    plugin = tmp_path / "docker-buildx"
    monkeypatch.setattr(command_line, "_PLUGINS", (plugin,))
    return plugin


def test_the_plugin_is_run_by_itself(plugin: Path) -> None:
    """A build does not wait for the docker command to find it."""
    plugin.touch()

    assert (str(plugin),) == find_buildx(_DOCKER)


@pytest.mark.usefixtures("plugin")
def test_the_docker_command_finds_a_plugin_that_lies_elsewhere() -> None:
    """It knows places that nobody else does."""
    assert ("/usr/bin/docker", "buildx") == find_buildx(_DOCKER)
