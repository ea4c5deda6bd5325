"""Finds out whose a listening TCP port is."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pushpaka_shim.kernel import all_pids

_LISTENING = "0A"


def sockets_on(port: int) -> set[str]:
    """Return the inodes of all sockets that listen on *port*, whatever the address."""
    return {inode for inode, its in _listening().items() if its == port}


def holders_of(inodes: set[str]) -> set[int]:
    """Return the processes that hold one of the sockets, as far as they may be seen."""
    return {pid for pid in all_pids() if not inodes.isdisjoint(_sockets_of(pid))}


def ports_of(pids: Iterable[int]) -> set[int]:
    """Return the ports that one of the processes listens on."""
    ports = _listening()
    return {ports[inode] for pid in pids for inode in _sockets_of(pid) if inode in ports}


def _listening() -> Mapping[str, int]:
    """Return the port of each listening socket, by its inode."""
    rows = (row for table in ("tcp", "tcp6") for row in _rows(table))
    return {row[9]: int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTENING}


def _rows(table: str) -> Iterator[list[str]]:
    with suppress(FileNotFoundError):
        lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()
        yield from (line.split() for line in lines[1:])


def _sockets_of(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                yield str(path.readlink()).removeprefix("socket:[").removesuffix("]")
