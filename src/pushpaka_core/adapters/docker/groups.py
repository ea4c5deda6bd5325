"""The control group in which the commands of a build run, of either version."""

import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from signal import SIGKILL
from time import sleep

from anyio import CancelScope, to_thread
from attrs import field, frozen

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Limits

_ROOT = Path("/sys/fs/cgroup")
_PERIOD = 100_000
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
        Yield the name of a group that keeps *limits*; it is gone with the block.

        Raises:
            PlatformFaultError: If this process may make none.
        """
        await to_thread.run_sync(self._make, name, limits)
        try:
            yield f"/{name}"
        finally:
            with CancelScope(shield=True):
                await self.remove(name)

    async def remove(self, name: str) -> None:
        """End what still runs in the group, as a killed engine leaves it, and the group."""
        await to_thread.run_sync(self._remove, name)

    async def names(self, prefix: str) -> Collection[str]:
        """Return the names of all groups that begin so."""
        return await to_thread.run_sync(self._names, prefix)

    def _names(self, prefix: str) -> Collection[str]:
        return {path.name for path in self._all(f"{prefix}*")}

    def _all(self, pattern: str) -> Iterator[Path]:
        """Yield the groups of every hierarchy whose names match."""
        yield from self._root.glob(pattern)
        yield from self._root.glob(f"*/{pattern}")

    def _remove(self, name: str) -> None:
        """Remove the group from every hierarchy, with those that BuildKit has made in it."""
        for _ in range(_KILLS):
            if not self._kill(name):
                break
            sleep(_PAUSE)
        for group in self._all(name):
            for inner in (*sorted(group.rglob("*/"), reverse=True), group):
                with suppress(OSError):
                    inner.rmdir()

    def _kill(self, name: str) -> bool:
        """Kill all that runs in the group, and tell whether there was anything."""
        files = [file for group in self._all(name) for file in group.rglob("cgroup.procs")]
        pids = {int(pid) for file in files for pid in _text(file).split()}
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        return bool(pids)

    async def was_out_of_memory(self, name: str) -> bool:
        """Tell whether the group has reached its limit of memory, for which the kernel kills."""
        return await to_thread.run_sync(self._has_killed, name)

    def _has_killed(self, name: str) -> bool:
        group = self._root / "memory" / name
        most, limit = (_text(group / f"memory.{file}") for file in _REACHED)
        events = _text(self._root / name / "memory.events").splitlines()
        killed = any(line.startswith("oom_kill ") and line != _NONE for line in events)
        return killed or bool(most and int(most) >= int(limit))

    def _make(self, name: str, limits: Limits) -> None:
        try:
            if (self._root / "cgroup.controllers").exists():
                _write(self._root / name, _unified(limits))
                return
            for controller, files in _separate(limits).items():
                _write(self._root / controller / name, files)
        except OSError as error:
            raise PlatformFaultError(
                f"No control group can be made for the build: {error.strerror}."
                " Run the worker as root, as builds of images have to be contained."
            ) from error


def _write(group: Path, files: Mapping[str, str]) -> None:
    group.mkdir(exist_ok=True)
    for file, value in files.items():
        with suppress(FileNotFoundError):
            (group / file).write_text(value)


def _unified(limits: Limits) -> Mapping[str, str]:
    return {
        "memory.max": str(limits.memory_bytes),
        "memory.swap.max": "0",
        "cpu.max": f"{round((limits.cpus or 1) * _PERIOD)} {_PERIOD}",
        "pids.max": str(limits.processes),
    }


def _separate(limits: Limits) -> Mapping[str, Mapping[str, str]]:
    return {
        "memory": {
            "memory.limit_in_bytes": str(limits.memory_bytes),
            "memory.memsw.limit_in_bytes": str(limits.memory_bytes),
        },
        "cpu": {
            "cpu.cfs_period_us": str(_PERIOD),
            "cpu.cfs_quota_us": str(round((limits.cpus or 1) * _PERIOD)),
        },
        "pids": {"pids.max": str(limits.processes)},
    }


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""
