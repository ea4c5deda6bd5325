"""Tests the error messages for invalid registry settings."""

from pathlib import Path
from uuid import uuid4

import pytest

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.bootstrap.docker import open_swarm
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings.settings import Settings

pytestmark = pytest.mark.anyio

REGISTRY = "http://127.0.0.1:5000/team"


@pytest.mark.parametrize(
    ("invalid_settings", "message"),
    [
        ({"registry": None}, "Set PUSHPAKA_REGISTRY, for example"),
        ({"registry_password": "secret"}, "Only one of"),
        ({"registry_user": "ann"}, "PUSHPAKA_REGISTRY_PASSWORD_FILE can replace"),
        (
            {"registry_user": "ann", "registry_password_file": Path("/nowhere/password")},
            "PASSWORD_FILE is /nowhere/password, which cannot be read: No such file",
        ),
    ],
)
async def test_invalid_registry_settings_are_reported(
    tmp_path: Path, invalid_settings: dict[str, object], message: str
) -> None:
    """The error contains the names of the settings."""
    settings = Settings(data_directory=tmp_path, **{"registry": REGISTRY, **invalid_settings})  # type: ignore[arg-type]  # of several types
    processes = HostProcesses(tmp_path / "processes")

    with pytest.raises(SettingsError, match=message):
        async with open_swarm(settings, uuid4(), processes, salt=b"salt", node="local"):
            pass
