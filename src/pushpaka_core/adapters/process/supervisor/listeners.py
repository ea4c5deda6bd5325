"""Finds the processes that listen on a TCP port."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

_LISTENING = " 0A "
"""The state column of a listening socket in `/proc/net/tcp`; no other column looks like it."""
_SOCKET = "socket:["
_ANY, _ANY_6, _MAPPED_PREFIX = "0" * 8, "0" * 32, "0000000000000000FFFF0000"


def sockets_on(port: int, host: str) -> set[str]:
    """
    Return the inodes of the sockets that accept connections to *host* (IPv4) on *port*.

    If there are none, return all sockets that listen on *port*, on any address.
    """
    listening = {inode: its for inode, its, its_port in _listening() if its_port == port}
    address = _kernel_format(host)
    for addresses in ({address, _ANY}, {_MAPPED_PREFIX + address, _ANY_6}):
        if reached := {inode for inode, its in listening.items() if its in addresses}:
            return reached
    return set(listening)


def pids_holding(inodes: set[str], pids: Iterable[int]) -> set[int]:
    """Return which of the processes have one of the sockets open, as far as this user can see."""
    return {pid for pid in pids if not inodes.isdisjoint(_sockets_of(pid))}


def listening_ports(pids: Iterable[int]) -> set[int]:
    """Return the ports that any of the processes listens on."""
    ports = {inode: port for inode, _, port in _listening()}
    return {ports[inode] for pid in pids for inode in _sockets_of(pid) if inode in ports}


def _kernel_format(host: str) -> str:
    return f"{int.from_bytes(IPv4Address(host).packed, sys.byteorder):08X}"


def _listening() -> Iterator[tuple[str, str, int]]:
    """Yield the inode, the address and the port of each listening socket."""
    for row in (row for table in ("tcp", "tcp6") for row in _rows(table)):
        address, _, port = row[1].rpartition(":")
        yield row[9], address, int(port, 16)


def _rows(table: str) -> Iterator[list[str]]:
    """
    Yield the columns of each listening socket.

    Lines are filtered before they are split, as there may be thousands of connections.
    """
    with suppress(FileNotFoundError):
        lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()
        yield from (line.split() for line in lines if _LISTENING in line)


def _sockets_of(pid: int) -> Iterator[str]:
    """
    Yield the inodes of the sockets of *pid*.

    Uses `os` instead of `pathlib` for speed, because it is called for every process of the host.
    """
    directory = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208
            with suppress(OSError):
                target = os.readlink(f"{directory}/{name}")  # noqa: PTH115
                if target.startswith(_SOCKET):
                    yield target[len(_SOCKET) : -1]
