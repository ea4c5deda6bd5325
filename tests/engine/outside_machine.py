"""A machine outside this host that has an ordinary address and that of a metadata service."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import randbelow, token_hex

from anyio import connect_tcp, fail_after, open_process, run_process, sleep
from attrs import frozen

PORT = 3000


@frozen(kw_only=True)
class OutsideMachine:
    """The addresses of the machine, and the address of this host on its network."""

    address: str
    link_local: str
    towards: str


@asynccontextmanager
async def open_outside_machine() -> AsyncIterator[OutsideMachine]:
    """Yield a network namespace outside this host whose addresses all accept connections."""
    name, number = f"pkt{token_hex(4)}", randbelow(250) + 1
    one = OutsideMachine(
        address=f"10.248.{number}.2", link_local=f"169.254.{number}.9", towards=f"10.248.{number}.1"
    )
    await _ip("netns", "add", name)
    try:
        await _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        await _ip("address", "add", f"{one.towards}/30", "dev", name)
        await _ip("link", "set", name, "up")
        for device, address in (("lo", f"{one.link_local}/32"), ("eth0", f"{one.address}/30")):
            await _ip("-n", name, "address", "add", address, "dev", device)
            await _ip("-n", name, "link", "set", device, "up")
        await _ip("-n", name, "route", "add", "default", "via", one.towards)
        await _ip("route", "add", one.link_local, "via", one.address)
        serve = ["ip", "netns", "exec", name, sys.executable, "-m", "http.server", str(PORT)]
        async with await open_process(serve) as process:
            try:
                await wait_until_open(one.address, PORT)
                await wait_until_open(one.link_local, PORT)
                yield one
            finally:
                process.terminate()
    finally:
        await _ip("netns", "delete", name)


async def wait_until_open(address: str, port: int) -> None:
    """Wait until the port accepts connections."""
    with fail_after(60):
        while not await _is_open(address, port):
            await sleep(0.1)


async def _is_open(address: str, port: int) -> bool:
    try:
        async with await connect_tcp(address, port):
            return True
    except OSError:
        return False


async def _ip(*arguments: str) -> None:
    await run_process(["ip", *arguments])
