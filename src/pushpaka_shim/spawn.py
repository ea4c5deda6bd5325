"""Starts a program in a forked process that inherits nothing from the platform."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress

from pushpaka_shim.isolation import isolate
from pushpaka_shim.syscalls import SET_NO_NEW_PRIVILEGES, SET_PARENT_DEATH_SIGNAL, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from pushpaka_shim.protocol import SpawnRequest


class StartError(Exception):
    """The program could not be started. The message is the kernel's error."""


def start_program(
    request: SpawnRequest,
    stdin: bytes,
    output_descriptors: tuple[int, int],
    before_exec: Callable[[int], None],
) -> int:
    """
    Start the program and return its process id.

    *before_exec* is called with the process id before the program executes.

    Raises:
        StartError: If the program cannot be executed.
    """
    gate_read, gate_write = os.pipe()
    fault_read, fault_write = os.pipe()
    program = os.fork()
    if program == 0:
        os.close(gate_write)
        _execute(request, stdin, output_descriptors, gate_read, fault_write)
    os.close(gate_read)
    os.close(fault_write)
    try:
        before_exec(program)
        os.write(gate_write, b"!")
    finally:
        os.close(gate_write)
    fault = os.read(fault_read, 4096)
    os.close(fault_read)
    if fault:
        os.waitpid(program, 0)
        raise StartError(fault.decode(errors="replace"))
    return program


def _execute(
    request: SpawnRequest,
    stdin: bytes,
    output_descriptors: tuple[int, int],
    gate: int,
    error_pipe: int,
) -> NoReturn:
    """Wait until the pipe *gate* opens, then execute the program. If the shim dies first, exit."""
    try:
        os.setsid()
        if os.read(gate, 1):
            _connect_streams(stdin, output_descriptors, request["uid"])
            uid = request["uid"]
            if uid is not None and uid != os.geteuid():
                # The limit is only set if no control group counts the memory of the program.
                isolate(request["private_tmp"], uid, request["limits"].get("RLIMIT_DATA"))
            _apply_restrictions(request)
            os.chdir(request["directory"])
            os.execve(request["argv"][0], request["argv"], request["env"])  # noqa: S606 - no shell is the point
    except Exception as error:  # noqa: BLE001 - any error is reported to the platform
        os.write(error_pipe, error_reason(error).encode()[:4096])
    os._exit(127)


def error_reason(error: Exception) -> str:
    """Return the reason for *error*, without internal file names, which users should not see."""
    return getattr(error, "strerror", None) or str(error)


def _connect_streams(stdin: bytes, output_descriptors: tuple[int, int], uid: int | None) -> None:
    if uid is not None:
        for output in output_descriptors:
            # The program may reopen /dev/stdout, which only the owner of the pipe can.
            os.fchown(output, uid, uid)
    for target, descriptor in enumerate((_stdin_source(stdin), *output_descriptors)):
        os.dup2(descriptor, target)


def _stdin_source(stdin: bytes) -> int:
    if not stdin:
        return os.open(os.devnull, os.O_RDONLY)
    source = os.memfd_create("stdin")
    with os.fdopen(os.dup(source), "wb") as file:
        file.write(stdin)
    os.lseek(source, 0, os.SEEK_SET)
    return source


def _apply_restrictions(request: SpawnRequest) -> None:
    for number in range(1, signal.NSIG):
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for name, value in {"RLIMIT_CORE": 0, **request["limits"]}.items():
        _set_limit(getattr(resource, name), value)
    # A filter of system calls may forbid it. The program then has the priority of its parent.
    with suppress(OSError):
        os.nice(request["niceness"])
    os.umask(0o022)
    if request["uid"] is not None:
        _set_user(request["uid"])
    prctl(SET_NO_NEW_PRIVILEGES, 1)
    if request["state"] is None:
        prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _set_limit(resource_id: int, value: int) -> None:
    hard = resource.getrlimit(resource_id)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(resource_id, (value, value))


def _set_user(uid: int) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
