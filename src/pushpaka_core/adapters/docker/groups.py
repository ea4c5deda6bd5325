"""Control groups (version 1 or 2) in which the commands of a build run."""

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

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.host.control_groups import SWAP_FILES, limit_files
from pushpaka_core.host.directory_locks import create_and_lock, open_directory
from pushpaka_core.ports.processes import ResourceLimits

_ROOT = Path("/sys/fs/cgroup")
_NO_OOM_KILL = "oom_kill 0"
_KILL_ATTEMPTS, _KILL_INTERVAL = 100, 0.02
"""The number of attempts to kill all processes of a group, and the seconds between two attempts."""
_V1_USAGE_FILES = ("max_usage_in_bytes", "limit_in_bytes")
"""Files of control groups version 1 that show whether the memory limit was reached."""


@frozen
class BuildGroups:
    """Creates control groups for builds."""

    _root: Path = field(default=_ROOT)

    @asynccontextmanager
    async def open_group(self, name: str, limits: ResourceLimits) -> AsyncIterator[str]:
        """
        Create a control group and yield its path, for `docker buildx build --cgroup-parent`.

        *limits* apply to all concurrent builds in the group together. The name must not change
        between builds of a project, because the name is part of BuildKit's cache key. Processes
        left over from a killed build are killed first. The last build removes the group.

        Raises:
            PlatformFaultError: If this process may not create control groups.
        """
        with _translated():
            await self.remove_unused(name)
            groups = await to_thread.run_sync(self._groups, name, limits)
            held = await to_thread.run_sync(self._open_locked, name)
        try:
            with _translated():
                await to_thread.run_sync(_apply_limits, groups)
            yield f"/{name}"
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(os.close, held)
                await self.remove_unused(name)

    async def remove_unused(self, name: str) -> None:
        """Kill leftover processes of a group and remove it, unless a build is using it."""
        await to_thread.run_sync(self._remove_unused, name)

    def _groups(self, name: str, limits: ResourceLimits) -> Mapping[Path, Mapping[str, str]]:
        """Return the group's directories, each with its limit files and their contents."""
        files_by_controller = limit_files(limits, is_v2=self._is_unified)
        if self._is_unified:
            self._delegate_controllers(files_by_controller)
            return {
                self._root / name: {
                    k: v for files in files_by_controller.values() for k, v in files.items()
                }
            }
        return {
            self._root / controller / name: files
            for controller, files in files_by_controller.items()
        }

    def _delegate_controllers(self, controllers: Iterable[str]) -> None:
        """
        Enable *controllers* in the root group for its child groups.

        Errors are ignored, because another process may have enabled them already.
        """
        controller_changes = " ".join(f"+{controller}" for controller in controllers)
        with suppress(OSError):
            _write(self._root / "cgroup.subtree_control", controller_changes)

    def _lock_directory(self, name: str) -> Path:
        """Return the directory that is locked by builds in the group."""
        return self._root / name if self._is_unified else self._root / "memory" / name

    def _open_locked(self, name: str) -> int:
        """
        Create and lock the lock directory.

        Return its descriptor, which holds the lock until it is closed.
        """
        group = self._lock_directory(name)
        return create_and_lock(group, partial(group.mkdir, exist_ok=True), LOCK_SH)

    @property
    def _is_unified(self) -> bool:
        return (self._root / "cgroup.controllers").exists()

    def _remove_unused(self, name: str) -> None:
        with (
            suppress(FileNotFoundError, BlockingIOError),
            open_directory(self._lock_directory(name)) as held,
        ):
            flock(held, LOCK_EX | LOCK_NB)
            for _ in range(_KILL_ATTEMPTS):
                if not self._kill(name):
                    break
                sleep(_KILL_INTERVAL)
            self._remove(name)

    def _kill(self, name: str) -> bool:
        """Kill all processes in the group. Return whether there were any."""
        files = [file for group in self._directories(name) for file in group.rglob("cgroup.procs")]
        pids = {int(pid) for file in files for pid in _read_or_empty(file).split()}
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        return bool(pids)

    def _remove(self, name: str) -> None:
        """Remove the group from every hierarchy, with the groups that BuildKit created in it."""
        for group in self._directories(name):
            for inner in (*sorted(group.rglob("*/"), reverse=True), group):
                with suppress(OSError):
                    inner.rmdir()

    def _directories(self, name: str) -> Iterator[Path]:
        yield self._root / name
        yield from self._root.glob(f"*/{name}")

    async def ran_out_of_memory(self, name: str) -> bool:
        """Return whether the group has reached its memory limit."""
        return await to_thread.run_sync(self._ran_out_of_memory, name)

    def _ran_out_of_memory(self, name: str) -> bool:
        group = self._root / "memory" / name
        most, limit = (_read_or_empty(group / f"memory.{file}") for file in _V1_USAGE_FILES)
        events = _read_or_empty(self._root / name / "memory.events").splitlines()
        killed = any(line.startswith("oom_kill ") and line != _NO_OOM_KILL for line in events)
        return killed or bool(most and int(most) >= int(limit))


def _apply_limits(groups: Mapping[Path, Mapping[str, str]]) -> None:
    for group, files in groups.items():
        group.mkdir(exist_ok=True)
        for file, text in files.items():
            _write_limit(group / file, text)


def _write_limit(file: Path, text: str) -> None:
    try:
        _write(file, text)
    except FileNotFoundError:
        if file.name not in SWAP_FILES:
            raise PlatformFaultError(
                "The resources of the build cannot be limited: this host's control groups have no "
                f"{file.name}. Enable the kernel's cpu, memory and pids controllers."
            ) from None


def _write(file: Path, text: str) -> None:
    """Write to an existing file. Files cannot be created in a control group."""
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
            f"The control group of the build could not be created: {error.strerror}. Run the"
            " worker as root: image builds need a control group to limit their resources."
        ) from error


def _read_or_empty(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""
