"""How a fork becomes the program: nothing of the platform goes with it but what was ordered."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress

from pushpaka_shim.kernel import SET_NO_NEW_PRIVILEGES, SET_PARENT_DEATH_SIGNAL, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from pushpaka_shim.orders import Order


class StartError(Exception):
    """The program could not be started; the message is the kernel's reason."""


def start(
    order: Order,
    stdin: bytes,
    outputs: tuple[int, int],
    before: Callable[[int], None],
) -> int:
    """
    Start the program and return its process id, which *before* is told first.

    Raises:
        StartError: If the kernel refuses.
    """
    gate_read, gate_write = os.pipe()
    fault_read, fault_write = os.pipe()
    program = os.fork()
    if program == 0:
        os.close(gate_write)
        _become(order, stdin, outputs, gate_read, fault_write)
    os.close(gate_read)
    os.close(fault_write)
    try:
        before(program)
        os.write(gate_write, b"!")
    finally:
        os.close(gate_write)
    fault = os.read(fault_read, 4096)
    os.close(fault_read)
    if fault:
        os.waitpid(program, 0)
        raise StartError(fault.decode(errors="replace"))
    return program


def _become(
    order: Order, stdin: bytes, outputs: tuple[int, int], gate: int, fault: int
) -> NoReturn:
    """Wait at the gate, which closes unopened when the shim dies, and become the program."""
    try:
        os.setsid()
        if os.read(gate, 1):
            _connect(stdin, outputs, order["uid"])
            _confine(order)
            os.chdir(order["directory"])
            os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606 - no shell is the point
    except Exception as error:  # noqa: BLE001 - whatever it is, only the platform can tell of it
        os.write(fault, reason_of(error).encode()[:4096])
    os._exit(127)


def reason_of(error: Exception) -> str:
    """Return why, without the names of files that the owner of a program need not know."""
    return getattr(error, "strerror", None) or str(error)


def _connect(stdin: bytes, outputs: tuple[int, int], uid: int | None) -> None:
    if uid is not None:
        for output in outputs:
            # The program may want to open /dev/stdout again, which only the pipe's owner can.
            os.fchown(output, uid, uid)
    for target, descriptor in enumerate((_source(stdin), *outputs)):
        os.dup2(descriptor, target)


def _source(stdin: bytes) -> int:
    if not stdin:
        return os.open(os.devnull, os.O_RDONLY)
    source = os.memfd_create("stdin")
    with os.fdopen(os.dup(source), "wb") as file:
        file.write(stdin)
    os.lseek(source, 0, os.SEEK_SET)
    return source


def _confine(order: Order) -> None:
    for number in range(1, signal.NSIG):
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for name, value in {"RLIMIT_CORE": 0, **order["limits"]}.items():
        _limit(getattr(resource, name), value)
    os.umask(0o022)
    if order["uid"] is not None:
        _become_user(order["uid"])
    prctl(SET_NO_NEW_PRIVILEGES, 1)
    if order["state"] is None:
        prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _become_user(uid: int) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
