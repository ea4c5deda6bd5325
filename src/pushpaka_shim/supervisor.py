"""Handles one request: starts the program, supervises it, and reports the result."""

# ruff: noqa: PTH108, PTH116, PTH208
from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import time
from contextlib import suppress
from functools import partial

from pushpaka_shim.cgroups import ControlGroups
from pushpaka_shim.output_files import OutputFiles
from pushpaka_shim.process_tree import ProcessTree
from pushpaka_shim.protocol import (
    EXIT_FILE,
    LOCK_FILE,
    READ_SIZE,
    RECORD_FILE,
    REQUEST_HEADER,
    fsync_file,
    write_atomically,
)
from pushpaka_shim.spawn import StartError, error_reason, start_program
from pushpaka_shim.syscalls import SET_CHILD_SUBREAPER, boot_id, prctl, read_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushpaka_shim.protocol import Record, Report, SpawnRequest

_SOCKET = 0
"""The descriptor of the socket to the platform, which is standard input."""


def main() -> None:
    """Receive a request, and run its program here or launch it from a detached child process."""
    request, stdin = _receive_request()
    if request["state"] is None:
        _run(request, stdin)
    elif os.fork() == 0:
        _launch(request, stdin, request["state"])


def _run(request: SpawnRequest, stdin: bytes) -> None:
    wake = _wake_on_signals()
    prctl(SET_CHILD_SUBREAPER, 1)
    groups = ControlGroups(request["groups"])
    try:
        tree = ProcessTree(start_program(request, stdin, (1, 2), groups.add))
    except (StartError, OSError) as error:
        groups.remove()
        return _send_report({"error": error_reason(error)})
    _replace_with_null(1, 2)
    _event_loop(tree, wake, {_SOCKET: partial(_kill_on_disconnect, tree)})
    return _send_report(_finish(tree, groups))


def _kill_on_disconnect(tree: ProcessTree) -> bool:
    if _read(_SOCKET):
        return True
    tree.mark_ended()
    return False


def _launch(request: SpawnRequest, stdin: bytes, state: str) -> None:
    _detach()
    wake = _wake_on_signals()
    prctl(SET_CHILD_SUBREAPER, 1)
    if not _lock(state) or _has_record(state):
        return _send_report({"taken": True})
    _remove_stale_files(state)
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    groups = ControlGroups(request["groups"])
    try:
        files = OutputFiles(state)
        enter = partial(_register, request, state, groups)
        program = start_program(request, stdin, (out_write, err_write), enter)
    except (StartError, OSError) as error:
        groups.remove()
        with suppress(FileNotFoundError):
            os.unlink(f"{state}/{RECORD_FILE}")
        return _send_report({"error": error_reason(error)})
    os.close(out_write)
    os.close(err_write)
    _send_report({"pid": program})
    _replace_with_null(_SOCKET)
    fsync_file(f"{state}/{RECORD_FILE}")
    return _supervise(ProcessTree(program), groups, wake, {out_read: 1, err_read: 2}, files)


def _supervise(
    tree: ProcessTree,
    groups: ControlGroups,
    wake_descriptor: int,
    pipes: Mapping[int, int],
    files: OutputFiles,
) -> None:
    """
    Store output from *pipes* until the program is over, then write its exit status.

    *pipes* maps the read end of each pipe to the descriptor that the program writes to.
    """
    pumps = {
        pipe: partial(_copy_output, pipe, descriptor, files) for pipe, descriptor in pipes.items()
    }
    for pipe in pipes:
        os.set_blocking(pipe, False)
    _event_loop(tree, wake_descriptor, pumps)
    outcome = _finish(tree, groups)
    for pump in pumps.values():
        while pump():
            """Drain the output that is still in the pipe."""
    with suppress(OSError):  # If the directory was removed, nobody reads the result.
        write_atomically(f"{files.directory}/{EXIT_FILE}", outcome)
    fsync_file(f"{files.directory}/{EXIT_FILE}")


def _finish(tree: ProcessTree, groups: ControlGroups) -> Report:
    """Kill the remaining processes of the program, and return its result."""
    groups.lift_cpu_limits()
    tree.kill_all()
    outcome: Report = {**tree.outcome, **groups.memory_report}
    groups.remove()
    return outcome


def _copy_output(pipe: int, descriptor: int, files: OutputFiles) -> bool:
    data = _read(pipe)
    if data:
        files.append(descriptor, data)
    return bool(data)


def _event_loop(
    tree: ProcessTree, wake_descriptor: int, sources: Mapping[int, Callable[[], bool]]
) -> None:
    """
    Handle signals and input from *sources* until the program is over. A source ends by returning
    False.
    """
    poll = select.poll()
    for source in (wake_descriptor, *sources):
        poll.register(source, select.POLLIN)
    while not tree.is_over:
        for source, _ in poll.poll():
            if source == wake_descriptor:
                _handle_signals(tree, os.read(wake_descriptor, 64))
            elif not sources[source]():
                poll.unregister(source)


def _handle_signals(tree: ProcessTree, signals: bytes) -> None:
    tree.reap()
    if signal.SIGUSR1 in signals:
        tree.terminate()
    if signal.SIGUSR2 in signals:
        tree.mark_ended()


def _wake_on_signals() -> int:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda *_: None)
    return read_end


def _detach() -> None:
    """Detach from the platform's session, terminal and signals."""
    os.setsid()
    os.umask(0o077)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _lock(state: str) -> bool:
    """Lock the state directory for the lifetime of this process. Return False if it is locked."""
    descriptor = os.open(f"{state}/{LOCK_FILE}", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_record(state: str) -> bool:
    """
    Return True if the state directory was used before.

    An empty record, left by a power failure, does not count.
    """
    with suppress(FileNotFoundError):
        return os.stat(f"{state}/{RECORD_FILE}").st_size > 0
    return False


def _remove_stale_files(state: str) -> None:
    """Remove the files of an earlier program whose record was lost."""
    for name in os.listdir(state):
        if name != LOCK_FILE:
            with suppress(OSError):
                os.unlink(f"{state}/{name}")


def _register(request: SpawnRequest, state: str, groups: ControlGroups, program: int) -> None:
    """Move the program to its control groups and write its record."""
    groups.add(program)
    record: Record = {
        "name": request["name"],
        "boot": boot_id(),
        "started_at": time.time(),
        "shim": read_identity(os.getpid()),
        "program": read_identity(program),
        "groups": list(request["groups"]),
    }
    write_atomically(f"{state}/{RECORD_FILE}", record)


def _receive_request() -> tuple[SpawnRequest, bytes]:
    request_size, stdin_size = REQUEST_HEADER.unpack(_read_exactly(REQUEST_HEADER.size))
    request: SpawnRequest = json.loads(_read_exactly(request_size))
    return request, _read_exactly(stdin_size)


def _read_exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = _read(_SOCKET, size - len(data))
        if not piece:
            raise SystemExit
        data += piece
    return bytes(data)


def _send_report(report: Report) -> None:
    with suppress(OSError):
        os.write(_SOCKET, json.dumps(report).encode())


def _read(source: int, size: int = READ_SIZE) -> bytes:
    """Return the available bytes, or b"" at the end of the stream or after an error."""
    try:
        return os.read(source, size)
    except OSError:
        return b""


def _replace_with_null(*descriptors: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)
