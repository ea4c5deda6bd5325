"""The control group in which the commands of a build run, of either version."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import field, frozen

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Limits

_ROOT = Path("/sys/fs/cgroup")
_PERIOD = 100_000
_CONTROLLERS = ("memory", "cpu", "pids")


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
        groups = await to_thread.run_sync(self._made, name, limits)
        try:
            yield f"/{name}"
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(_remove, groups)

    async def was_out_of_memory(self, name: str) -> bool:
        """Tell whether the kernel killed something of the group for its memory."""
        return await to_thread.run_sync(self._has_killed, name)

    def _has_killed(self, name: str) -> bool:
        files = (f"memory/{name}/memory.oom_control", f"{name}/memory.events")
        return any(_number(self._root / path, "oom_kill") for path in files)

    def _made(self, name: str, limits: Limits) -> list[Path]:
        try:
            if (self._root / "cgroup.controllers").exists():
                return [_make(self._root / name, _unified(limits))]
            return [
                _make(self._root / controller / name, files)
                for controller, files in _separate(limits).items()
            ]
        except OSError as error:
            raise PlatformFaultError(
                f"No control group can be made for the build: {error.strerror}."
                " Run the worker as root, as builds of images have to be contained."
            ) from error


def _remove(groups: Sequence[Path]) -> None:
    for group in groups:
        with suppress(OSError):
            group.rmdir()


def _make(group: Path, files: Mapping[str, str]) -> Path:
    group.mkdir(exist_ok=True)
    for file, value in files.items():
        with suppress(FileNotFoundError):
            (group / file).write_text(value)
    return group


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


def _number(path: Path, key: str) -> int:
    with suppress(OSError):
        pairs = (line.split() for line in path.read_text().splitlines())
        return next((int(pair[1]) for pair in pairs if pair[0] == key), 0)
    return 0
