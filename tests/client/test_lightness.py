"""Tests that the client imports few modules, so that commands start quickly."""

import json
import subprocess
import sys

HEAVY = (
    "alembic", "aiosqlite", "argon2", "cryptography", "docker", "jwt", "limits", "litestar",
    "msgspec", "passlib", "prometheus_client", "psutil", "sqlalchemy", "structlog", "uvicorn",
    "websockets", "wsproto", "yaml",
)  # fmt: skip
LIGHT = {
    "anyio", "attr", "attrs", "cattrs", "certifi", "h11", "httpcore", "httpx_sse",
    "pushpaka_core", "pushpaka_http", "sniffio", "typing_extensions",
}  # fmt: skip
_PROGRAM = f"""
import json, sys
sys.modules |= dict.fromkeys({HEAVY})
import httpx
known = set(sys.modules)
import pushpaka_http.client
client = pushpaka_http.client.Client("http://localhost")
spaces = [getattr(client, name) for name in vars(type(client)) if not name.startswith("_")]
print(json.dumps(sorted(set(sys.modules) - known)))
"""


def test_the_client_imports_no_libraries_of_servers() -> None:
    """The client needs httpx and only a few other libraries."""
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, check=True)
    imported: list[str] = json.loads(ended.stdout)

    packages = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    core = [name for name in imported if name.startswith("pushpaka_core.")]
    assert packages <= LIGHT
    assert {"domain", "errors", "converters"} == {name.split(".")[1] for name in core}
