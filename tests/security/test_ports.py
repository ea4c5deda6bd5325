"""Programs that listen on the port of another program."""

from pathlib import Path

import pytest
from tests.security.conftest import ProjectUser

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.ports.processes import Command

pytestmark = pytest.mark.anyio

_LISTEN = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.socket(family)
if family == socket.AF_INET6:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(sys.argv[3]))
try:
    listener.bind((sys.argv[1], int(sys.argv[2])))
    listener.listen()
except OSError:
    print("refused", flush=True)
print(listener.getsockname()[1], flush=True)
time.sleep(60)
"""


async def _listen(
    processes: HostProcesses, project_user: ProjectUser, name: str, address: str, uid: int | None
) -> int:
    """Start a program that listens on a free port of *address*, and return the port."""
    argv = (project_user.python, "-c", _LISTEN, address, "0", "0")
    await processes.launch(name, Command(argv=argv, directory=Path("/"), uid=uid))
    async for chunk in processes.output(name):
        return int(chunk.data)
    raise AssertionError("it does not listen")


@pytest.mark.parametrize("own_address", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("foreign_address", ["127.0.0.2", "::1", "::"])
async def test_a_listener_on_another_address_does_not_change_the_owner_of_a_port(
    process_manager: HostProcesses,
    project_user: ProjectUser,
    own_address: str,
    foreign_address: str,
) -> None:
    neighbor = None if project_user.uid is None else project_user.uid + 1
    port = await _listen(process_manager, project_user, "web.1", own_address, neighbor)

    async with project_user.running(_LISTEN, foreign_address, port, 0) as tasks:
        owner = await process_manager.listening_program(port)
        tasks.cancel_scope.cancel()

    assert "web.1" == owner


async def test_another_user_cannot_share_a_port(
    process_manager: HostProcesses, project_user: ProjectUser
) -> None:
    neighbor = None if project_user.uid is None else project_user.uid + 1
    port = await _listen(process_manager, project_user, "web.1", "127.0.0.1", neighbor)

    async with project_user.running(_LISTEN, "127.0.0.1", port, 1) as tasks:
        tasks.cancel_scope.cancel()

    assert project_user.output.startswith(b"refused")


async def test_the_owner_of_a_port_depends_on_the_address(
    process_manager: HostProcesses, project_user: ProjectUser
) -> None:
    neighbor = None if project_user.uid is None else project_user.uid + 1
    port = await _listen(process_manager, project_user, "web.1", "127.0.0.2", neighbor)

    async with project_user.running(_LISTEN, "127.0.0.1", port, 0) as tasks:
        owners = [
            await process_manager.listening_program(port, host=host)
            for host in ("127.0.0.2", "127.0.0.1")
        ]
        tasks.cancel_scope.cancel()

    assert ["web.1", ""] == owners


async def test_a_listener_on_another_loopback_address_is_found(
    process_manager: HostProcesses, project_user: ProjectUser
) -> None:
    port = await _listen(process_manager, project_user, "web.1", "127.0.0.2", project_user.uid)

    assert "web.1" == await process_manager.listening_program(port)
