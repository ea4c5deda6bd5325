"""Programs that want the port, or the place, of another one."""

from pathlib import Path

import pytest
from anyio import fail_after
from tests.security.conftest import Stranger

from pushpaka_core.adapters.process.processes import HostProcesses
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


async def _listening(
    processes: HostProcesses, stranger: Stranger, name: str, address: str, uid: int | None
) -> int:
    """Launch a listener on any port of *address*, and return the port."""
    argv = (stranger.python, "-c", _LISTEN, address, "0", "0")
    await processes.launch(name, Command(argv=argv, directory=Path("/"), uid=uid))
    async for chunk in processes.output(name):
        return int(chunk.data)
    raise AssertionError("it does not listen")


@pytest.mark.parametrize("own", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("foreign", ["127.0.0.2", "::1", "::"])
async def test_a_port_is_its_owners_whoever_is_on_other_addresses(
    processes: HostProcesses, stranger: Stranger, own: str, foreign: str
) -> None:
    """Nobody makes a healthy program look like a thief by listening beside it."""
    neighbour = None if stranger.uid is None else stranger.uid + 1
    port = await _listening(processes, stranger, "web.1", own, neighbour)

    with fail_after(10):
        async with stranger.running(_LISTEN, foreign, port, 0) as tasks:
            owner = await processes.listener(port)
            tasks.cancel_scope.cancel()

    assert "web.1" == owner


async def test_a_port_cannot_be_shared_by_a_neighbour(
    processes: HostProcesses, stranger: Stranger
) -> None:
    """Where a program listens, no other one gets a part of its connections."""
    neighbour = None if stranger.uid is None else stranger.uid + 1
    port = await _listening(processes, stranger, "web.1", "127.0.0.1", neighbour)

    with fail_after(10):
        async with stranger.running(_LISTEN, "127.0.0.1", port, 1) as tasks:
            tasks.cancel_scope.cancel()

    assert stranger.output.startswith(b"refused")


async def test_a_port_is_judged_by_the_address_that_leads_to_it(
    processes: HostProcesses, stranger: Stranger
) -> None:
    """Where a node listens on an address of its own, who is on loopback does not count."""
    neighbour = None if stranger.uid is None else stranger.uid + 1
    port = await _listening(processes, stranger, "web.1", "127.0.0.2", neighbour)

    with fail_after(10):
        async with stranger.running(_LISTEN, "127.0.0.1", port, 0) as tasks:
            owners = [
                await processes.listener(port, host=host) for host in ("127.0.0.2", "127.0.0.1")
            ]
            tasks.cancel_scope.cancel()

    assert ["web.1", ""] == owners


async def test_only_on_other_addresses_a_port_is_theirs(
    processes: HostProcesses, stranger: Stranger
) -> None:
    """A program that listens where 127.0.0.1 does not lead is known by its name as well."""
    port = await _listening(processes, stranger, "web.1", "127.0.0.2", stranger.uid)

    assert "web.1" == await processes.listener(port)
