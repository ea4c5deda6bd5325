"""
Holds one program: starts it, keeps its output, tells how it ended, and leaves nothing of it behind.

It runs as a script in an interpreter of its own, one for each program, so it
imports little, and the standard library only. Standard input is a socket to
the platform. The order comes in by it, secrets included, and a report goes out.

A program that is *run* belongs to the platform: when the socket closes, the
program is killed. One that is *launched* does not: its shim lets go of the
platform, writes all it knows into a directory, and obeys two signals: SIGUSR1
asks the program to end, SIGUSR2 ends all of it now.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import struct
import time
from contextlib import suppress

TYPE_CHECKING = False  # The module `typing` is slow to import.
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypedDict

    class Order(TypedDict):
        """What the platform wants to be started; the bytes for its standard input follow behind."""

        name: str
        argv: list[str]
        directory: str
        env: dict[str, str]
        uid: int | None
        limits: dict[str, int]
        """By the names that the module `resource` has for them."""
        state: str | None
        """The directory of a launched program, or None for one that is run."""

    class Report(TypedDict, total=False):
        """What came of an order: exactly one of these."""

        code: int
        signal: int
        pid: int
        error: str
        taken: bool

    class Identity(TypedDict):
        """A process for as long as this kernel runs: a process id alone may be used again."""

        pid: int
        started: int

    class Record(TypedDict):
        """What is written down of a launched program before its first instruction."""

        name: str
        boot: str
        started_at: float
        shim: Identity
        program: Identity


CONTROL = 0
SIZES = struct.Struct("!II")
"""Precedes an order: the length of its JSON, and of the standard input behind it."""
FRAME = struct.Struct("!BdI")
"""Precedes each piece of output in a file: descriptor, time, length."""
PIECE = 16 * 1024
SEGMENT = 2 * 1024 * 1024
KEPT = 20 * 1024 * 1024

RECORD = "record.json"
EXIT = "exit.json"
LOCK = "lock"
OUTPUT = "output."

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36
_SET_NO_NEW_PRIVILEGES = 38


class StartError(Exception):
    """The program could not be started."""


def boot_id() -> str:
    """Return what tells this run of the kernel from any other."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def stat_of(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat behind the name: state, parent, group, session, ... or none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def identity_of(pid: int) -> Identity:
    """Return *pid* with the time, in ticks since the boot, at which it was started."""
    fields = stat_of(pid)
    return {"pid": pid, "started": int(fields[19]) if fields else 0}


def all_pids() -> list[int]:
    """Return every process id of this host."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def main() -> None:
    """Take one order and see it through."""
    order, stdin = _receive()
    if order["state"] is None:
        _run(order, stdin)
    elif os.fork() == 0:
        _launch(order, stdin, order["state"])


def _receive() -> tuple[Order, bytes]:
    order_size, stdin_size = SIZES.unpack(_read_exactly(SIZES.size))
    order: Order = json.loads(_read_exactly(order_size))
    return order, _read_exactly(stdin_size)


def _read_exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(CONTROL, size - len(data))
        if not piece:
            raise SystemExit
        data += piece
    return bytes(data)


def _report(report: Report) -> None:
    with suppress(OSError):
        os.write(CONTROL, json.dumps(report).encode())


def _run(order: Order, stdin: bytes) -> None:
    wake = _wake_on_signals()
    _prctl(_SET_CHILD_SUBREAPER, 1)
    try:
        tree = Tree(_start(order, stdin, (1, 2)))
    except StartError as error:
        return _report({"error": str(error)})
    _replace_by_null(1, 2)

    def platform_lives() -> bool:
        tree.doomed = not _read(CONTROL)
        return not tree.doomed

    _watch(tree, wake, {CONTROL: platform_lives})
    tree.end()
    return _report(_how_it_ended(tree.status))


def _launch(order: Order, stdin: bytes, state: str) -> None:
    os.setsid()
    os.umask(0o077)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    wake = _wake_on_signals()
    _prctl(_SET_CHILD_SUBREAPER, 1)
    if not _lock(state) or _has_record(state):
        return _report({"taken": True})
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    try:
        program = _start(order, stdin, (out_write, err_write), lambda pid: _record(order, state, pid))
    except StartError as error:
        os.unlink(f"{state}/{RECORD}")
        return _report({"error": str(error)})
    os.close(out_write)
    os.close(err_write)
    _report({"pid": program})
    _replace_by_null(CONTROL)
    del order, stdin
    return _keep(Tree(program), wake, OutputFiles(state), {out_read: 1, err_read: 2})


def _keep(tree: Tree, wake: int, files: OutputFiles, descriptors: dict[int, int]) -> None:
    def pump(source: int) -> bool:
        data = _read(source)
        if data:
            files.append(descriptors[source], data)
        return bool(data)

    for source in descriptors:
        os.set_blocking(source, False)
    _watch(tree, wake, {source: lambda source=source: pump(source) for source in descriptors})
    tree.end()
    for source in descriptors:
        while pump(source):
            pass
    write_whole(f"{files.directory}/{EXIT}", _how_it_ended(tree.status))


class Tree:
    """The program and all that came of it: the kernel gives its orphans to this process."""

    def __init__(self, program: int) -> None:
        self.program = program
        self.status: int | None = None
        self.doomed = False
        self._asked = False

    @property
    def is_over(self) -> bool:
        """Tell whether it is time to kill what is left: of one that was asked to end, only when its group is empty."""
        return self.doomed or (
            self.status is not None and not (self._asked and self._signal_program(0))
        )

    def ask(self) -> None:
        """Ask the program's process group to end. A shell may go first; what it waited for has time."""
        self._asked = True
        self._signal_program(signal.SIGTERM)

    def reap(self) -> bool:
        """Collect the dead, and tell whether anything lives."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.program:
                self.status = status

    def end(self) -> None:
        """Kill until nothing is left; what the killed leave behind becomes a child of this process."""
        while self.reap():
            for group in _groups_below(os.getpid()):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)
            time.sleep(0.002)

    def _signal_program(self, number: int) -> bool:
        try:
            os.killpg(self.program, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _groups_below(root: int) -> set[int]:
    """Return the process groups of all descendants. A signal to a group cannot be outrun by a fork."""
    children: dict[int, list[tuple[int, int]]] = {}
    for pid in all_pids():
        fields = stat_of(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append((pid, int(fields[2])))
    groups: set[int] = set()
    parents = [root]
    while parents:
        below = children.get(parents.pop(), [])
        groups.update(group for _, group in below)
        parents.extend(pid for pid, _ in below)
    return groups - {os.getpgrp()}


def _watch(tree: Tree, wake: int, sources: dict[int, Callable[[], bool]]) -> None:
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
        tree.doomed = True


def _wake_on_signals() -> int:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda *_: None)
    return read_end


def _start(
    order: Order,
    stdin: bytes,
    outputs: tuple[int, int],
    before: Callable[[int], None] = lambda _: None,
) -> int:
    """Start the program, but not before *before* has been told its process id."""
    gate_read, gate_write = os.pipe()
    fault_read, fault_write = os.pipe()
    program = os.fork()
    if program == 0:
        os.close(gate_write)
        _become(order, stdin, outputs, gate_read, fault_write)
    os.close(gate_read)
    os.close(fault_write)
    before(program)
    os.write(gate_write, b"!")
    os.close(gate_write)
    fault = os.read(fault_read, 4096)
    os.close(fault_read)
    if fault:
        os.waitpid(program, 0)
        raise StartError(fault.decode())
    return program


def _become(order: Order, stdin: bytes, outputs: tuple[int, int], gate: int, fault: int) -> NoReturn:
    """Turn this fork into the program. A gate that closes unopened means that the shim is dead."""
    try:
        os.setsid()
        if os.read(gate, 1):
            _connect(stdin, outputs, order["uid"])
            _confine(order)
            os.chdir(order["directory"])
            os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606 - that is the point
    except Exception as error:  # noqa: BLE001 - whatever it is, only the platform can tell of it
        os.write(fault, str(error).encode()[:4096])
    os._exit(127)


def _connect(stdin: bytes, outputs: tuple[int, int], uid: int | None) -> None:
    source = os.memfd_create("stdin") if stdin else os.open(os.devnull, os.O_RDONLY)
    if stdin:
        os.write(source, stdin)
        os.lseek(source, 0, os.SEEK_SET)
    for target, descriptor in enumerate((source, *outputs)):
        if uid is not None:
            # Without it the program could not open /dev/stdout again.
            os.fchown(descriptor, uid, uid) if descriptor != source or stdin else None
        os.dup2(descriptor, target)


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
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)
    if order["state"] is None:
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _become_user(uid: int) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def _how_it_ended(status: int | None) -> Report:
    code = -signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
    return {"code": code} if code >= 0 else {"signal": -code}


def _read(source: int) -> bytes:
    """Return what can be read now; nothing means that there will be no more."""
    try:
        return os.read(source, PIECE)
    except OSError:
        return b""


def _replace_by_null(*descriptors: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


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


def _record(order: Order, state: str, program: int) -> None:
    record: Record = {
        "name": order["name"],
        "boot": boot_id(),
        "started_at": time.time(),
        "shim": identity_of(os.getpid()),
        "program": identity_of(program),
    }
    write_whole(f"{state}/{RECORD}", record)


def write_whole(path: str, content: Record | Report) -> None:
    """Write JSON so that a reader sees all of it or nothing."""
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(beside, path)


class OutputFiles:
    """Keeps the newest of what a program writes, in frames, in numbered files."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._sizes: dict[int, int] = {}
        self._number = 0
        self._open_next()

    def append(self, descriptor: int, data: bytes) -> None:
        """Add a piece. On a full disk it is lost, and the program goes on."""
        frame = FRAME.pack(descriptor, time.time(), len(data)) + data
        size = self._sizes[self._number]
        try:
            whole = os.write(self._file, frame) == len(frame)
        except OSError:
            whole = False
        if not whole:
            os.ftruncate(self._file, size)
            return
        self._sizes[self._number] = size + len(frame)
        if self._sizes[self._number] >= SEGMENT:
            os.close(self._file)
            self._open_next()
            self._drop_oldest()

    def _open_next(self) -> None:
        self._number += 1
        self._sizes[self._number] = 0
        path = f"{self.directory}/{OUTPUT}{self._number:010d}"
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def _drop_oldest(self) -> None:
        oldest = min(self._sizes)
        if sum(self._sizes.values()) - self._sizes[oldest] >= KEPT:
            del self._sizes[oldest]
            os.unlink(f"{self.directory}/{OUTPUT}{oldest:010d}")


if __name__ == "__main__":
    main()
