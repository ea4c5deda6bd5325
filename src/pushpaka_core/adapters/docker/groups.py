"""The control group in which the commands of a build run, of either version."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from functools import partial
from pathlib import Path
from signal import SIGKILL
from time import sleep

from anyio import CancelScope, to_thread
from attrs import field, frozen

from pushpaka_core.control_groups import SWAP_FILES, limit_files
from pushpaka_core.directory_locks import made_and_locked, opened
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Limits

_ROOT = Path("/sys/fs/cgroup")
_NONE = "oom_kill 0"
_KILLS, _PAUSE = 100, 0.02
"""How often what runs in a group is killed until nothing is left, and the seconds between."""
_REACHED = ("max_usage_in_bytes", "limit_in_bytes")
"""What tells with the first version that there was no more to be had."""


@frozen
class BuildGroups:
    """Makes groups for builds, which BuildKit is told by name."""

    _root: Path = field(default=_ROOT)

    @asynccontextmanager
    async def around(self, name: str, limits: Limits) -> AsyncIterator[str]:
        """
        Yield the name of a group that keeps *limits* to all who are in it at the same time.

        BuildKit takes over what was done in a group of the same name only. What a killed build
        has left in it is ended first, and it is gone once nobody is in it any more.

        Raises:
            PlatformFaultError: If this process may make none.
        """
        with _translated():
            await self.clear(name)
            groups = await to_thread.run_sync(self._groups, name, limits)
            held = await to_thread.run_sync(self._locked, name)
        try:
            with _translated():
                await to_thread.run_sync(_limit, groups)
            yield f"/{name}"
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(os.close, held)
                await self.clear(name)

    async def clear(self, name: str) -> None:
        """Remove a group that nobody builds in, and end what a killed build has left there."""
        await to_thread.run_sync(self._clear, name)

    def _groups(self, name: str, limits: Limits) -> Mapping[Path, Mapping[str, str]]:
        """Return the directories of the group, with the files in them that limit it."""
        wanted = limit_files(limits, is_unified=self._is_unified)
        if self._is_unified:
            self._hand_on(wanted)
            return {self._root / name: {k: v for each in wanted.values() for k, v in each.items()}}
        return {self._root / controller / name: files for controller, files in wanted.items()}

    def _hand_on(self, controllers: Iterable[str]) -> None:
        """Let groups have what the root has, where nobody has seen to it yet."""
        wanted = " ".join(f"+{controller}" for controller in controllers)
        with suppress(OSError):
            _write(self._root / "cgroup.subtree_control", wanted)

    def _lock(self, name: str) -> Path:
        """Return the directory that is locked by whoever builds in the group."""
        return self._root / name if self._is_unified else self._root / "memory" / name

    def _locked(self, name: str) -> int:
        """Make that directory, and open it so that it is not removed until it is closed."""
        group = self._lock(name)
        return made_and_locked(group, partial(group.mkdir, exist_ok=True), LOCK_SH)

    @property
    def _is_unified(self) -> bool:
        return (self._root / "cgroup.controllers").exists()

    def _clear(self, name: str) -> None:
        with suppress(FileNotFoundError, BlockingIOError), opened(self._lock(name)) as held:
            flock(held, LOCK_EX | LOCK_NB)
            for _ in range(_KILLS):
                if not self._kill(name):
                    break
                sleep(_PAUSE)
            self._remove(name)

    def _kill(self, name: str) -> bool:
        """Kill all that runs in the group, and tell whether there was anything."""
        files = [file for group in self._all(name) for file in group.rglob("cgroup.procs")]
        pids = {int(pid) for file in files for pid in _text(file).split()}
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        return bool(pids)

    def _remove(self, name: str) -> None:
        """Remove the group from every hierarchy, with those that BuildKit has made in it."""
        for group in self._all(name):
            for inner in (*sorted(group.rglob("*/"), reverse=True), group):
                with suppress(OSError):
                    inner.rmdir()

    def _all(self, name: str) -> Iterator[Path]:
        yield self._root / name
        yield from self._root.glob(f"*/{name}")

    async def was_out_of_memory(self, name: str) -> bool:
        """Tell whether the group has reached its limit of memory, for which the kernel kills."""
        return await to_thread.run_sync(self._has_killed, name)

    def _has_killed(self, name: str) -> bool:
        group = self._root / "memory" / name
        most, limit = (_text(group / f"memory.{file}") for file in _REACHED)
        events = _text(self._root / name / "memory.events").splitlines()
        killed = any(line.startswith("oom_kill ") and line != _NONE for line in events)
        return killed or bool(most and int(most) >= int(limit))


def _limit(groups: Mapping[Path, Mapping[str, str]]) -> None:
    for group, files in groups.items():
        group.mkdir(exist_ok=True)
        for file, text in files.items():
            _limit_by(group / file, text)


def _limit_by(file: Path, text: str) -> None:
    try:
        _write(file, text)
    except FileNotFoundError:
        if file.name not in SWAP_FILES:
            raise PlatformFaultError(
                f"The build cannot be contained: this host's control groups have no {file.name}."
                " Turn the kernel's controllers cpu, memory and pids on."
            ) from None


def _write(file: Path, text: str) -> None:
    """Write to a file that is there: in a group none can be made."""
    descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlatformFaultError(
            f"No control group can be made for the build: {error.strerror}."
            " Run the worker as root, as builds of images have to be contained."
        ) from error


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""
