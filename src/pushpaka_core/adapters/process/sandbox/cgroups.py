"""Control groups that limit processes, and limits for hosts without them."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Final

from attrs import frozen

from pushpaka_core.host.control_groups import CPU, MEMORY, PIDS, limit_files
from pushpaka_core.ports.processes import Command, ResourceLimits

logger = logging.getLogger(__name__)

_CONTROLLERS = (CPU, MEMORY, PIDS)

STACK_BYTES: Final = 64 * 8 * 2**20
"""Memory reserved for thread stacks (64 threads of 8 MiB), which RLIMIT_DATA also counts."""
_DEFAULT_WEIGHT = 100
_WEIGHT_PER_STEP = 1.25
"""The factor by which one step of niceness changes the weight of a process in the kernel."""
_MAX_NICENESS = 19


@frozen(kw_only=True)
class ParentCgroup:
    """
    A control group that the platform may create child groups in.

    Child groups never get more than their parent has.
    """

    directory: Path
    controllers: frozenset[str]
    is_v2: bool
    """Whether the group belongs to a cgroup v2 hierarchy."""

    def group_files(self, limits: ResourceLimits) -> Mapping[str, str]:
        """Return the contents of a child group's files for *limits*, by file name."""
        files_by_controller = limit_files(limits, is_v2=self.is_v2)
        return {
            file: text
            for controller, files in files_by_controller.items()
            if controller in self.controllers
            for file, text in files.items()
        }


@frozen
class Cgroups:
    """
    Names the control groups of programs and finds existing ones.

    If no parent group is writable, there are no groups.
    """

    _parents: tuple[ParentCgroup, ...] = ()

    @property
    def controllers(self) -> frozenset[str]:
        """The controllers that limit whole process trees."""
        return frozenset[str]().union(*(home.controllers for home in self._parents))

    def groups_for(
        self, instance: str, name: str, limits: ResourceLimits
    ) -> dict[str, dict[str, str]]:
        """
        Return the control groups to create for the program *name*, by path. Each value contains the
        contents of the limit files, by file name.
        """
        groups = {home.directory / f"{_prefix(instance)}{name}": home for home in self._parents}
        files = {str(group): dict(home.group_files(limits)) for group, home in groups.items()}
        return {group: limits for group, limits in files.items() if limits}

    def existing_groups(self, instance: str) -> Mapping[Path, str]:
        """Return the existing groups of *instance*, each with the name of its program."""
        prefix = _prefix(instance)
        found = [group for home in self._parents for group in home.directory.glob(f"{prefix}*")]
        return {group: group.name.removeprefix(prefix) for group in found}


@cache
def available_cgroups() -> Cgroups:
    """Return the groups available to this process, after logging which limits apply. Cached."""
    cgroups = find_cgroups(
        _read_or_empty(Path("/proc/self/cgroup")), _read_or_empty(Path("/proc/self/mountinfo"))
    )
    logger.log(*_limits_summary(cgroups.controllers))
    return cgroups


def find_cgroups(memberships: str, mounts: str) -> Cgroups:
    """
    Return the parent groups in which this process can create groups.

    Args:
        memberships: The content of `/proc/self/cgroup`.
        mounts: The content of `/proc/self/mountinfo`.
    """
    own = dict(_group_paths(memberships))
    homes: list[ParentCgroup] = []
    for line in mounts.splitlines():
        home = _parent_cgroup(own, *_parse_mount(line))
        if home and Cgroups(tuple(homes)).controllers.isdisjoint(home.controllers):
            homes.append(home)
    return Cgroups(tuple(homes))


def pids_in(groups: Iterable[str | Path]) -> set[int]:
    """Return the process ids in *groups*."""
    return {pid for group in groups for pid in _pids_of_group(Path(group))}


def remove_empty_groups(groups: Iterable[str | Path]) -> None:
    """Remove the empty groups among *groups*; the kernel refuses to remove the others."""
    for group in groups:
        with suppress(OSError):
            Path(group).rmdir()


def _prefix(instance: str) -> str:
    return f"pushpaka.{instance}."


def _limits_summary(controllers: frozenset[str]) -> tuple[int, str]:
    if controllers == set(_CONTROLLERS):
        return logging.INFO, "CPU, memory and process limits apply to each application as a whole."
    missing = ", ".join(name for name in _CONTROLLERS if name not in controllers)
    return logging.WARNING, (
        f"No control groups are available for {missing}. Without them, memory and process limits"
        " apply to single processes instead of applications, and CPU limits do not apply at all."
        " Run the platform as root, or in a delegated control group."
    )


def _group_paths(memberships: str) -> Iterator[tuple[str, str]]:
    """Yield the controller and the path of each group of a process. The v2 controller is ""."""
    for line in memberships.splitlines():
        _, controllers, path = line.split(":", 2)
        yield from ((controller, path) for controller in controllers.split(","))


def _parse_mount(line: str) -> tuple[str, str, str, str]:
    """Return the file system type, options, root and mount point of a `mountinfo` line."""
    fields, _, rest = line.partition(" - ")
    root, point = fields.split()[3:5]
    kind, _, options = rest.split(" ", 2)
    return kind, options, root, point


def _parent_cgroup(
    group_paths: Mapping[str, str], file_system_type: str, options: str, root: str, mount_point: str
) -> ParentCgroup | None:
    mounted = frozenset(_CONTROLLERS).intersection(options.split(",")).intersection(group_paths)
    match file_system_type:
        case "cgroup" if mounted:
            directory = _group_directory(group_paths[min(mounted)], root, mount_point)
            homes = [ParentCgroup(directory=directory, controllers=mounted, is_v2=False)]
        case "cgroup2" if "" in group_paths:
            homes = _v2_parents(_group_directory(group_paths[""], root, mount_point))
        case _:
            homes = []
    return next(
        (home for home in homes if home.controllers and _can_have_children(home.directory)), None
    )


def _group_directory(path: str, root: str, mount_point: str) -> Path:
    """
    Return the directory of the group *path* if *root* of its hierarchy is
    mounted at *mount_point*.
    """
    return Path(mount_point, os.path.relpath(path, root))


def _v2_parents(group: Path) -> list[ParentCgroup]:
    """
    Return the v2 groups that may contain child groups.

    A group that contains processes can usually have no children ("no internal processes"), so a
    service often uses the delegated group above its own.
    """
    directories = (group, group.parent) if _is_delegated(group.parent) else (group,)
    return [
        ParentCgroup(directory=directory, controllers=_delegated_controllers(directory), is_v2=True)
        for directory in directories
    ]


def _is_delegated(directory: Path) -> bool:
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            return os.getxattr(directory, name) == b"1"
    return False


def _delegated_controllers(directory: Path) -> frozenset[str]:
    """
    Return the controllers of the groups below *directory*, after enabling all available ones.

    They are enabled in one write. Otherwise, a group that contains processes would accept only the
    threaded controllers, and its children could then contain no processes.
    """
    control = directory / "cgroup.subtree_control"
    able = _controllers(directory / "cgroup.controllers")
    if MEMORY in able and not able <= _controllers(control):
        with suppress(OSError):
            control.write_text(" ".join(f"+{name}" for name in sorted(able)), encoding="ascii")
    return _controllers(control)


def _controllers(file: Path) -> frozenset[str]:
    return frozenset(_CONTROLLERS).intersection(_read_or_empty(file).split())


def _can_have_children(directory: Path) -> bool:
    """Return True if a child group of *directory* can be created and can contain processes."""
    if not os.access(directory / "cgroup.procs", os.W_OK):
        return False
    probe = directory / f"pushpaka.{token_hex(8)}"
    try:
        probe.mkdir()
        kind = _read_or_empty(probe / "cgroup.type")
        probe.rmdir()
    except OSError:
        return False
    return "invalid" not in kind


def _pids_of_group(group: Path) -> list[int]:
    return [int(pid) for pid in _read_or_empty(group / "cgroup.procs").split()]


def _read_or_empty(file: Path) -> str:
    with suppress(OSError):
        return file.read_text(encoding="utf-8")
    return ""


def niceness(limits: ResourceLimits, *, controllers: Collection[str]) -> int:
    """
    Return the value to add to the niceness of a program, from 0 to 19.

    The value is 0 if *controllers*, the available cgroup controllers, contains CPU, or if the
    weight of the program is None or at least 100.
    """
    if limits.cpu_weight is None or CPU in controllers:
        return 0
    steps = math.log(_DEFAULT_WEIGHT / limits.cpu_weight, _WEIGHT_PER_STEP)
    return min(max(round(steps), 0), _MAX_NICENESS)


def process_limits(command: Command, *, controllers: Collection[str]) -> dict[str, int]:
    """
    Return resource limits by their names in the module `resource`.

    Limits whose controllers are in *controllers* are left to the control groups. RLIMIT_NPROC is
    not set for the platform's own user, because the kernel would count the platform's processes
    too.
    """
    limits = command.limits
    memory = None if limits.memory_bytes is None else limits.memory_bytes + STACK_BYTES
    values = {
        # RLIMIT_AS would also count address space that is reserved and never used.
        "RLIMIT_DATA": None if MEMORY in controllers else memory,
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_NPROC": None if PIDS in controllers or command.uid is None else limits.processes,
    }
    return {name: value for name, value in values.items() if value is not None}
