"""The client is small enough for a command that is to answer at once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = (
    "alembic", "aiosqlite", "argon2", "cryptography", "docker", "jwt", "limits", "litestar",
    "msgspec", "passlib", "prometheus_client", "psutil", "sqlalchemy", "structlog", "uvicorn",
    "websockets", "wsproto", "yaml",
)  # fmt: skip
MOST_SECONDS = 0.1
_MEASURE = f"""
import json, sys, time
sys.modules |= dict.fromkeys({HEAVY})
import httpx
began = time.process_time()
import pushpaka_http.client
seconds = time.process_time() - began
client = pushpaka_http.client.Client("http://localhost")
spaces = [getattr(client, name) for name in vars(type(client)) if not name.startswith("_")]
print(json.dumps({{"seconds": seconds, "modules": list(sys.modules)}}))
"""


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytecode")


def measured(bytecode: Path) -> dict[str, Any]:
    """Return what an import of the client takes, beside httpx, where nothing else is installed."""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program = [sys.executable, "-c", _MEASURE]
    ended = subprocess.run(
        program,
        capture_output=True,
        check=True,
        env={**env, "PYTHONPYCACHEPREFIX": str(bytecode)},
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_client_needs_neither_a_server_nor_much_time(bytecode: Path) -> None:
    """Beside httpx its import takes a moment, and all of it nothing that only a server needs."""
    runs = [measured(bytecode) for _ in range(3)]  # the first one compiles

    assert min(run["seconds"] for run in runs) < MOST_SECONDS
    core = [name for name in runs[0]["modules"] if name.startswith("pushpaka_core.")]
    parts = {name.split(".")[1] for name in core}
    assert {"domain", "errors", "converters"} == parts
