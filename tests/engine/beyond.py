"""A machine beyond this host, with an address as others have and one as a cloud's metadata has."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import randbelow, token_hex

from anyio import connect_tcp, fail_after, open_process, run_process, sleep
from attrs import frozen

PORT = 3000


@frozen(kw_only=True)
class Beyond:
    """Where it listens, and the address that this host has towards it."""

    address: str
    link_local: str
    towards: str


@asynccontextmanager
async def open_beyond() -> AsyncIterator[Beyond]:
    """Yield a network namespace behind this host that answers on all its addresses."""
    name, number = f"pkt{token_hex(4)}", randbelow(250) + 1
    one = Beyond(
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
                await until_heard(one.address, PORT)
                await until_heard(one.link_local, PORT)
                yield one
            finally:
                process.terminate()
    finally:
        await _ip("netns", "delete", name)


async def until_heard(address: str, port: int) -> None:
    """Return once somebody listens there."""
    with fail_after(60):
        while not await _is_heard(address, port):
            await sleep(0.1)


async def _is_heard(address: str, port: int) -> bool:
    try:
        async with await connect_tcp(address, port):
            return True
    except OSError:
        return False


async def _ip(*arguments: str) -> None:
    await run_process(["ip", *arguments])
