"""Requests for hidden files of a static site, and for files outside of it."""

from pathlib import Path

import anyio
import pytest
from tests.http.raw import exchange
from tests.served_instance import free_port

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.releases import Releases
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.pipeline.build_plans import StaticSite
from pushpaka_core.ports.processes import Command
from pushpaka_core.testing.applications import build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

_FILES = {
    "site/index.html": "page",
    "site/.env": "CANARY",
    "site/.git/config": "CANARY",
    "site/in/.htpasswd": "CANARY",
    "server.py": "CANARY",
}
_TARGETS = (
    *("/.env", "/%2eenv", "/%2Eenv", "//.env", "/./.env", "/x/../.env", "/.env/", "/.env?x"),
    *("/.git/config", "/self/.env", "/self/%2egit/config", "/in/.htpasswd", "/in//.htpasswd"),
    *("/../server.py", "/..%2fserver.py", "/%2e%2e/server.py", "/..%5cserver.py"),
    *("/self/../../server.py", "/....//server.py", "/%2e%2e%2fserver.py", "/.%00/server.py"),
    *("/.%65nv", "/%252eenv", "/\\.env", "/.ENV", "/;/.env", "/.well-known/../.env"),
    *("/.well-known/..%2f.env", "/.well-known/%2e%2e/.env", "http://x/.env", "*", "?/.env"),
)


@pytest.fixture
async def port(
    builder: ProcessBuilder,
    process_manager: HostProcesses,
    data_directory: Path,
    uid: int | None,
    tmp_path: Path,
) -> int:
    """Serve a static site from a release that also has other files, and return the port."""
    source = await checkout(tmp_path / "source", _FILES)
    wanted = plan(static=StaticSite(directory="site"), build=(step("ln -s . site/self"),))
    release = Releases(data_directory / "releases").by_name(
        (await build(builder, source, wanted)).name
    )
    port = free_port()
    command = Command(
        argv=(str(data_directory / "tools" / "caddy"), "run", "--config", str(release.site_config)),
        directory=release.app / "site",
        env={"HOST": "127.0.0.1", "PORT": str(port), "HOME": "/nonexistent"},
        uid=uid,
    )
    await process_manager.launch("web.1", command)
    while await process_manager.listening_program(port) is None:
        await anyio.sleep(0.02)
    return port


async def test_hidden_files_and_files_outside_the_site_are_not_served(port: int) -> None:
    page = await _request(port, "/")
    answers = {target: await _request(port, target) for target in _TARGETS}

    assert page.endswith(b"page")
    assert [] == [target for target, answer in answers.items() if b"CANARY" in answer]
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in answers.values())


async def _request(port: int, target: str) -> bytes:
    request = f"GET {target} HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n"
    return await exchange(port, request.encode())
