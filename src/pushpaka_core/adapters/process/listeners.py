"""Finds out whose a listening TCP port is."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

from pushpaka_shim.kernel import all_pids

_LISTENING = " 0A "
"""The state of a socket, as no other column is written."""
_SOCKET = "socket:["
_ANY, _ANY_6, _MAPPED = "0" * 8, "0" * 32, "0000000000000000FFFF0000"


def sockets_on(port: int, host: str) -> set[str]:
    """
    Return the inodes of the sockets that *host*, an IPv4 address, reaches on *port*.

    Another user may listen on the same port of another address, and does not
    count, unless there is nobody else.
    """
    listening = {inode: its for inode, its, its_port in _listening() if its_port == port}
    address = _as_the_kernel_writes(host)
    for addresses in ({address, _ANY}, {_MAPPED + address, _ANY_6}):
        if reached := {inode for inode, its in listening.items() if its in addresses}:
            return reached
    return set(listening)


def holders_of(inodes: set[str]) -> set[int]:
    """Return the processes that hold one of the sockets, as far as they may be seen."""
    return {pid for pid in all_pids() if not inodes.isdisjoint(_sockets_of(pid))}


def ports_of(pids: Iterable[int]) -> set[int]:
    """Return the ports that one of the processes listens on."""
    ports = {inode: port for inode, _, port in _listening()}
    return {ports[inode] for pid in pids for inode in _sockets_of(pid) if inode in ports}


def _as_the_kernel_writes(host: str) -> str:
    return f"{int.from_bytes(IPv4Address(host).packed, sys.byteorder):08X}"


def _listening() -> Iterator[tuple[str, str, int]]:
    """Yield inode, address and port of each listening socket."""
    for row in (row for table in ("tcp", "tcp6") for row in _rows(table)):
        address, _, port = row[1].rpartition(":")
        yield row[9], address, int(port, 16)


def _rows(table: str) -> Iterator[list[str]]:
    """Yield what is said of each listening socket; connections there may be thousands."""
    with suppress(FileNotFoundError):
        lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()
        yield from (line.split() for line in lines if _LISTENING in line)


def _sockets_of(pid: int) -> Iterator[str]:
    """Yield the inodes of its sockets; it is asked of every process, and so in the quickest way."""
    directory = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208
            with suppress(OSError):
                target = os.readlink(f"{directory}/{name}")  # noqa: PTH115
                if target.startswith(_SOCKET):
                    yield target[len(_SOCKET) : -1]
