"""Takes one order and sees it through."""

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

from pushpaka_shim.groups import Groups
from pushpaka_shim.kernel import SET_CHILD_SUBREAPER, boot_id, identity_of, prctl
from pushpaka_shim.orders import EXIT, LOCK, PIECE, RECORD, SIZES, write_whole
from pushpaka_shim.output_files import OutputFiles
from pushpaka_shim.program import StartError, reason_of, start
from pushpaka_shim.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushpaka_shim.orders import Order, Record, Report

_PLATFORM = 0
"""The socket; it stands where a program has its standard input."""


def main() -> None:
    """Watch what is run from here, and what is launched from a process without a parent."""
    order, stdin = _receive()
    if order["state"] is None:
        _run(order, stdin)
    elif os.fork() == 0:
        _launch(order, stdin, order["state"])


def _run(order: Order, stdin: bytes) -> None:
    wake = _wake_on_signals()
    prctl(SET_CHILD_SUBREAPER, 1)
    groups = Groups(order["groups"])
    try:
        tree = Tree(start(order, stdin, (1, 2), groups.admit))
    except (StartError, OSError) as error:
        groups.remove()
        return _report({"error": reason_of(error)})
    _replace_by_null(1, 2)
    _watch(tree, wake, {_PLATFORM: partial(_end_with_platform, tree)})
    return _report(_end(tree, groups))


def _end_with_platform(tree: Tree) -> bool:
    if _read(_PLATFORM):
        return True
    tree.doom()
    return False


def _launch(order: Order, stdin: bytes, state: str) -> None:
    _let_go()
    wake = _wake_on_signals()
    prctl(SET_CHILD_SUBREAPER, 1)
    if not _lock(state) or _has_record(state):
        return _report({"taken": True})
    _clear(state)
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    groups = Groups(order["groups"])
    try:
        files = OutputFiles(state)
        enter = partial(_enter, order, state, groups)
        program = start(order, stdin, (out_write, err_write), enter)
    except (StartError, OSError) as error:
        groups.remove()
        with suppress(FileNotFoundError):
            os.unlink(f"{state}/{RECORD}")
        return _report({"error": reason_of(error)})
    os.close(out_write)
    os.close(err_write)
    _report({"pid": program})
    _replace_by_null(_PLATFORM)
    return _keep(Tree(program), groups, wake, {out_read: 1, err_read: 2}, files)


def _keep(
    tree: Tree, groups: Groups, wake: int, pipes: Mapping[int, int], files: OutputFiles
) -> None:
    """Keep what comes out of *pipes*, by descriptor, until the tree is over; then say so."""
    pumps = {pipe: partial(_pump, pipe, descriptor, files) for pipe, descriptor in pipes.items()}
    for pipe in pipes:
        os.set_blocking(pipe, False)
    _watch(tree, wake, pumps)
    outcome = _end(tree, groups)
    for pump in pumps.values():
        while pump():
            """What was written last is still in the pipe."""
    write_whole(f"{files.directory}/{EXIT}", outcome)


def _end(tree: Tree, groups: Groups) -> Report:
    """Leave nothing behind, and say how it ended."""
    groups.hasten()
    tree.end()
    outcome: Report = {**tree.outcome, **groups.outcome}
    groups.remove()
    return outcome


def _pump(pipe: int, descriptor: int, files: OutputFiles) -> bool:
    data = _read(pipe)
    if data:
        files.append(descriptor, data)
    return bool(data)


def _watch(tree: Tree, wake: int, sources: Mapping[int, Callable[[], bool]]) -> None:
    """Serve *sources*, each until it returns false, and signals, until the tree is over."""
    poll = select.poll()
    for source in (wake, *sources):
        poll.register(source, select.POLLIN)
    while not tree.is_over:
        for source, _ in poll.poll():
            if source == wake:
                _obey(tree, os.read(wake, 64))
            elif not sources[source]():
                poll.unregister(source)


def _obey(tree: Tree, signals: bytes) -> None:
    tree.reap()
    if signal.SIGUSR1 in signals:
        tree.ask()
    if signal.SIGUSR2 in signals:
        tree.doom()


def _wake_on_signals() -> int:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda *_: None)
    return read_end


def _let_go() -> None:
    """Survive the platform, its terminal, and whoever ends its session."""
    os.setsid()
    os.umask(0o077)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _lock(state: str) -> bool:
    """Hold the name until this process is dead, or return false when another one does."""
    descriptor = os.open(f"{state}/{LOCK}", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_record(state: str) -> bool:
    """Tell whether the name was used; a record that a power failure emptied does not count."""
    with suppress(FileNotFoundError):
        return os.stat(f"{state}/{RECORD}").st_size > 0
    return False


def _clear(state: str) -> None:
    """Remove what one left behind whose record is lost."""
    for name in os.listdir(state):
        if name != LOCK:
            os.unlink(f"{state}/{name}")


def _enter(order: Order, state: str, groups: Groups, program: int) -> None:
    """Put the program where it is counted, and write down that it is there."""
    groups.admit(program)
    record: Record = {
        "name": order["name"],
        "boot": boot_id(),
        "started_at": time.time(),
        "shim": identity_of(os.getpid()),
        "program": identity_of(program),
        "groups": list(order["groups"]),
    }
    write_whole(f"{state}/{RECORD}", record)


def _receive() -> tuple[Order, bytes]:
    order_size, stdin_size = SIZES.unpack(_read_exactly(SIZES.size))
    order: Order = json.loads(_read_exactly(order_size))
    return order, _read_exactly(stdin_size)


def _read_exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = _read(_PLATFORM, size - len(data))
        if not piece:
            raise SystemExit
        data += piece
    return bytes(data)


def _report(report: Report) -> None:
    with suppress(OSError):
        os.write(_PLATFORM, json.dumps(report).encode())


def _read(source: int, size: int = PIECE) -> bytes:
    """Return what can be read now; nothing means that no more will come."""
    try:
        return os.read(source, size)
    except OSError:
        return b""


def _replace_by_null(*descriptors: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)
