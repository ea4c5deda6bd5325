"""Finds the worker processes of an application in /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pushpaka_shim.syscalls import all_pids, read_stat

_LISTENING = " 0A "
"""The state of a listening socket in /proc/net/tcp. No other column has this format."""
_SOCKET = "socket:["


def worker_processes(root_pid: int) -> frozenset[str]:
    """
    Return the worker processes of the program that *root_pid* runs or watches.

    These are the descendants of *root_pid* that hold a listening TCP socket or run the same program
    as their parent, like the workers of gunicorn, uvicorn, Puma or a Node.js cluster. Short-lived
    helpers such as `git` or `sleep` do neither. Each worker is identified by its pid and start
    time, so that a replacement is recognized as a new process.
    """
    stats = {pid: fields for pid in all_pids() if (fields := read_stat(pid))}
    parents = {pid: int(fields[1]) for pid, fields in stats.items() if fields[0] not in "ZX"}
    tree = _descendants(root_pid, parents)
    programs = {pid: _program(pid) for pid in (root_pid, *tree)}
    listening = set(_listening_inodes(root_pid))
    return frozenset(
        f"{pid}:{stats[pid][19]}"
        for pid in tree
        if programs[pid] == programs[parents[pid]] or not listening.isdisjoint(_socket_inodes(pid))
    )


def _descendants(root_pid: int, parents: Mapping[int, int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    below = [root_pid]
    while below:
        # A pid may have been reused by its own descendant while /proc was read, which would loop.
        new = [pid for pid in children.get(below.pop(), ()) if pid not in found]
        found.update(new)
        below.extend(new)
    return found - {root_pid}


def _program(pid: int) -> str:
    """Return the executable of *pid*, or its name if the executable cannot be read."""
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - as a text
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace")
    return ""


def _listening_inodes(pid: int) -> Iterator[str]:
    """Yield the inodes of the listening TCP sockets in the network namespace of *pid*."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()
            yield from (line.split()[9] for line in lines if _LISTENING in line)


def _socket_inodes(pid: int) -> Iterator[str]:
    directory = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208 - a generator of Paths is slower
            with suppress(OSError):
                target = os.readlink(f"{directory}/{name}")  # noqa: PTH115 - as above
                if target.startswith(_SOCKET):
                    yield target[len(_SOCKET) : -1]
