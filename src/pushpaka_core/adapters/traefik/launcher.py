"""
Opens the sockets of Traefik and becomes Traefik, which then responds only once it has its routes.

Traefik listens before it has read its routes, and meanwhile responds with 404 to everything. The
program in this file therefore opens the sockets itself, with a packet filter that drops all new
connections, and passes them on (socket activation). A child process removes the filter when Traefik
reports its generation. Systems try to connect again after a second, so visitors only wait.

The platform runs this file by its path, without site packages:

    python -I -S launcher.py OPTIONS

OPTIONS is the JSON text of an `Options`.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import sys
import time
from array import array
from contextlib import suppress

TYPE_CHECKING = False  # The module `typing` is slow to import.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, TypedDict

    class ListenerOptions(TypedDict):
        """A socket that Traefik listens on."""

        name: str
        """The name of the entry point."""
        host: str
        """A numeric address, or empty for all addresses of the machine."""
        port: int
        is_public: bool
        """Whether connections wait until Traefik has its routes."""

    class Options(TypedDict):
        """The options of the launcher, which describe how to start Traefik."""

        argv: list[str]
        listeners: Sequence[ListenerOptions]
        ready_port: int
        """A port of the loopback interface that responds once Traefik has its routes."""
        ready_path: str
        ready_header: str
        """The header that the response contains once Traefik has its routes."""


_FIRST_DESCRIPTOR = 3
"""The descriptor of the first passed socket (sd_listen_fds(3))."""
_BACKLOG = 4096
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A program of the Berkeley Packet Filter (BPF) with one instruction: keep 0 bytes."""
_POLL_SECONDS = 0.02
_RESPONSE_SECONDS = 1.0
_MAX_WAIT_SECONDS = 20.0
"""After this time, connections are accepted although Traefik has no routes."""


def main() -> NoReturn:
    """Open the sockets, and execute Traefik."""
    options: Options = json.loads(sys.argv[1])
    listeners = [_open(each) for each in options["listeners"]]
    waiting = [
        listener
        for listener, each in zip(listeners, options["listeners"], strict=True)
        if each["is_public"] and _drop_new_connections(listener)
    ]
    for listener in listeners:
        listener.listen(_BACKLOG)
    if waiting:
        _start_watcher(options, waiting)
    _execute(options, listeners)


def _open(options: ListenerOptions) -> socket.socket:
    host, port = options["host"], options["port"]
    is_dual_stack = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual_stack or ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not is_dual_stack))
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.exit(f"Cannot listen on port {port}: {error.strerror}.")
    return listener


def _drop_new_connections(listener: socket.socket) -> bool:
    """Attach the filter, and return False if the system does not support it."""
    code = array("B", _DROP_ALL)
    program = struct.pack("HP", 1, code.buffer_info()[0])
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True


def _start_watcher(options: Options, waiting: Sequence[socket.socket]) -> None:
    """
    Start a process that removes the filters.

    It is not a child of this process, because Traefik would not collect its exit status.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    elif os.fork():
        os._exit(0)
    else:
        _wait_until_ready(options)
        for listener in waiting:
            listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        os._exit(0)


def _wait_until_ready(options: Options) -> None:
    end = time.monotonic() + _MAX_WAIT_SECONDS
    while time.monotonic() < end and not _has_routes(options):
        time.sleep(_POLL_SECONDS)


def _has_routes(options: Options) -> bool:
    address = "127.0.0.1", options["ready_port"]
    request = f"GET {options['ready_path']} HTTP/1.0\r\n\r\n".encode()
    response = b""
    with suppress(OSError), socket.create_connection(address, _RESPONSE_SECONDS) as connection:
        connection.sendall(request)
        while received := connection.recv(4096):
            response += received
    return f"\r\n{options['ready_header']}:".lower().encode() in response.lower()


def _execute(options: Options, listeners: Sequence[socket.socket]) -> NoReturn:
    """Execute Traefik with *listeners* as its first descriptors after the standard streams."""
    # Copies above the descriptors to replace, so that none is replaced before it is copied.
    lowest = _FIRST_DESCRIPTOR + len(listeners)
    copies = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, lowest) for each in listeners]
    for target, copy in enumerate(copies, _FIRST_DESCRIPTOR):
        os.dup2(copy, target)
    env = {
        **os.environ,
        "LISTEN_FDS": str(len(listeners)),
        "LISTEN_FDNAMES": ":".join(each["name"] for each in options["listeners"]),
        "LISTEN_PID": str(os.getpid()),
    }
    os.execve(options["argv"][0], options["argv"], env)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
