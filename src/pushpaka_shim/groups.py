"""Control groups: the kernel counts what a program takes together with all that it starts."""

# ruff: noqa: PTH103, PTH106, PTH123
from __future__ import annotations

import errno
import os
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushpaka_shim.orders import Report

_NEEDLESS = (errno.ENOENT, errno.EINVAL)
"""A kernel without swap has no limit for it; a share above that of the group around is refused."""
_NO_CPU_LIMITS = {"cpu.max": "max", "cpu.cfs_quota_us": "-1"}
_MOST_TRIES = 50
_NEAR = 1024 * 1024
"""The first version of groups counts no broken limits, but how near they came."""


class Groups:
    """The groups around one program, made for it and removed when nothing lives in them."""

    def __init__(self, files: Mapping[str, Mapping[str, str]]) -> None:
        """Take what belongs into which files of which groups."""
        self._files = files

    def admit(self, program: int) -> None:
        """Make the groups and put *program* into them, before it can start anything."""
        for group, limits in self._files.items():
            os.makedirs(group, exist_ok=True)
            for name, value in limits.items():
                _limit(f"{group}/{name}", value)
            _write(f"{group}/cgroup.procs", str(program))

    def hasten(self) -> None:
        """Lift the limits on processors: what is killed needs some time on one to be gone."""
        for group in self._files:
            for name, value in _NO_CPU_LIMITS.items():
                with suppress(OSError):
                    _write(f"{group}/{name}", value)

    @property
    def outcome(self) -> Report:
        """Say which limit on memory made the kernel kill, if one did."""
        limits = [limit for group in self._files if (limit := _broken_limit(group))]
        return {"memory_limit": limits[0]} if limits else {}

    def remove(self) -> None:
        """Remove the groups; the last one to die may leave its group a moment later."""
        for group in self._files:
            for _ in range(_MOST_TRIES):
                try:
                    os.rmdir(group)
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.002)


def _limit(path: str, value: str) -> None:
    try:
        _write(path, value)
    except OSError as error:
        if error.errno not in _NEEDLESS:
            raise


def _broken_limit(group: str) -> int | None:
    """Return the limit if it was reached and processes were killed; a full host kills as well."""
    if limit := _number(f"{group}/memory.max"):
        events = _counts(f"{group}/memory.events")
        return limit if events.get("oom") and events.get("oom_kill") else None
    limit = _number(f"{group}/memory.limit_in_bytes")
    was_reached = _number(f"{group}/memory.max_usage_in_bytes") > limit - _NEAR
    events = _counts(f"{group}/memory.oom_control")
    return limit if limit and was_reached and events.get("oom_kill") else None


def _counts(path: str) -> dict[str, int]:
    lines = (line.split() for line in _read(path).splitlines())
    return {name: int(number) for name, number in lines}


def _number(path: str) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else 0


def _read(path: str) -> str:
    with suppress(OSError), open(path, encoding="ascii") as file:
        return file.read()
    return ""


def _write(path: str, text: str) -> None:
    """Write to a file that is there: in a group none can be made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
