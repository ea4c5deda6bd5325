"""What operators hear whose settings of a registry cannot be right."""

from pathlib import Path
from uuid import uuid4

import pytest

from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.bootstrap.docker import swarm_execution
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings import Settings

pytestmark = pytest.mark.anyio

REGISTRY = "http://127.0.0.1:5000/team"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"registry": None}, "Set PUSHPAKA_REGISTRY to it"),
        ({"registry_password": "secret"}, "are set together"),
        ({"registry_user": "ann"}, "a file that PUSHPAKA_REGISTRY_PASSWORD_FILE names"),
        (
            {"registry_user": "ann", "registry_password_file": Path("/nowhere/password")},
            "PASSWORD_FILE is /nowhere/password, which cannot be read: No such file",
        ),
    ],
)
async def test_wrong_settings_of_a_registry_are_told(
    tmp_path: Path, wrong: dict[str, object], told: str
) -> None:
    """Before anything is begun, by the names of the settings."""
    settings = Settings(data_directory=tmp_path, **{"registry": REGISTRY, **wrong})  # type: ignore[arg-type]  # of several types
    processes = HostProcesses(tmp_path / "processes")

    with pytest.raises(SettingsError, match=told):
        async with swarm_execution(settings, uuid4(), processes, salt=b"salt"):
            pass
