"""Control groups: where this host admits them, and which of them are made."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex

from attrs import frozen

from pushpaka_core.control_groups import CPU, MEMORY, PIDS, limit_files
from pushpaka_core.ports.processes import Limits

logger = logging.getLogger(__name__)

_WANTED = (CPU, MEMORY, PIDS)


@frozen(kw_only=True)
class Home:
    """A group in which the platform makes others, below itself: it never gets more than it had."""

    directory: Path
    controllers: frozenset[str]
    is_unified: bool
    """Whether it is of the second version of control groups."""

    def files(self, limits: Limits) -> Mapping[str, str]:
        """Return what the files of a group are to hold, by their names."""
        wanted = limit_files(limits, is_unified=self.is_unified)
        return {
            file: text
            for controller, files in wanted.items()
            if controller in self.controllers
            for file, text in files.items()
        }


@frozen
class Cgroups:
    """Names groups and finds them again; where there is no home for them, none are used."""

    _homes: tuple[Home, ...] = ()

    @property
    def controllers(self) -> frozenset[str]:
        """What the kernel counts of whole programs."""
        return frozenset[str]().union(*(home.controllers for home in self._homes))

    def around(self, instance: str, name: str, limits: Limits) -> dict[str, dict[str, str]]:
        """Return the groups for the program *name*, with what belongs into their files."""
        groups = {home.directory / f"{_prefix(instance)}{name}": home for home in self._homes}
        files = {str(group): dict(home.files(limits)) for group, home in groups.items()}
        return {group: limits for group, limits in files.items() if limits}

    def made(self, instance: str) -> Mapping[Path, str]:
        """Return the groups of *instance* that are there, and for which programs they are."""
        prefix = _prefix(instance)
        found = [group for home in self._homes for group in home.directory.glob(f"{prefix}*")]
        return {group: group.name.removeprefix(prefix) for group in found}


@cache
def own_cgroups() -> Cgroups:
    """Look once where this process may make groups, and tell the operator what that means."""
    cgroups = find_cgroups(_text(Path("/proc/self/cgroup")), _text(Path("/proc/self/mountinfo")))
    logger.log(*_what_holds(cgroups.controllers))
    return cgroups


def find_cgroups(memberships: str, mounts: str) -> Cgroups:
    """Read what /proc says of a process, and try whether groups can be made below its own."""
    own = dict(_own_paths(memberships))
    homes: list[Home] = []
    for line in mounts.splitlines():
        home = _home(own, *_mount(line))
        if home and Cgroups(tuple(homes)).controllers.isdisjoint(home.controllers):
            homes.append(home)
    return Cgroups(tuple(homes))


def members(groups: Iterable[str | Path]) -> set[int]:
    """Return the processes that live in *groups*."""
    return {pid for group in groups for pid in _members(Path(group))}


def remove(groups: Iterable[str | Path]) -> None:
    """Remove what nothing lives in; the kernel refuses all others."""
    for group in groups:
        with suppress(OSError):
            Path(group).rmdir()


def _prefix(instance: str) -> str:
    return f"pushpaka.{instance}."


def _what_holds(controllers: frozenset[str]) -> tuple[int, str]:
    if controllers == set(_WANTED):
        return logging.INFO, "Processors, memory and processes of applications are limited here."
    lacking = ", ".join(name for name in _WANTED if name not in controllers)
    return logging.WARNING, (
        f"This host lets the platform make no control groups for {lacking}: there the limits of"
        " applications hold for each of their processes at most, and those on processors not at"
        " all. Run the platform as root, or in a group that is delegated to it."
    )


def _own_paths(memberships: str) -> Iterator[tuple[str, str]]:
    """Yield the paths of a process's groups by controller, that of the second version by ""."""
    for line in memberships.splitlines():
        _, controllers, path = line.split(":", 2)
        yield from ((controller, path) for controller in controllers.split(","))


def _mount(line: str) -> tuple[str, str, str, str]:
    """Return what is mounted: the kind, its options, and which of its directories is where."""
    fields, _, rest = line.partition(" - ")
    root, point = fields.split()[3:5]
    kind, _, options = rest.split(" ", 2)
    return kind, options, root, point


def _home(own: Mapping[str, str], kind: str, options: str, root: str, point: str) -> Home | None:
    mounted = frozenset(_WANTED).intersection(options.split(",")).intersection(own)
    match kind:
        case "cgroup" if mounted:
            directory = _place(own[min(mounted)], root, point)
            homes = [Home(directory=directory, controllers=mounted, is_unified=False)]
        case "cgroup2" if "" in own:
            homes = _unified_homes(_place(own[""], root, point))
        case _:
            homes = []
    return next((home for home in homes if home.controllers and _admits(home.directory)), None)


def _place(path: str, root: str, point: str) -> Path:
    """Return where the group *path* is to be found, when *root* of its hierarchy is at *point*."""
    return Path(point, os.path.relpath(path, root))


def _unified_homes(own: Path) -> list[Home]:
    """
    Return where groups may be: a group with processes in it can seldom have others below.

    So what is delegated to a service may be the group above the one that the service is in.
    """
    directories = (own, own.parent) if _is_delegated(own.parent) else (own,)
    return [
        Home(directory=directory, controllers=_passed_on(directory), is_unified=True)
        for directory in directories
    ]


def _is_delegated(directory: Path) -> bool:
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            return os.getxattr(directory, name) == b"1"
    return False


def _passed_on(directory: Path) -> frozenset[str]:
    """
    Return the controllers that groups below *directory* have, once it was told to give all.

    All at once: a group with processes in it would give some, and then admit no processes below.
    """
    control = directory / "cgroup.subtree_control"
    able = _controllers(directory / "cgroup.controllers")
    if MEMORY in able and not able <= _controllers(control):
        with suppress(OSError):
            control.write_text(" ".join(f"+{name}" for name in sorted(able)), encoding="ascii")
    return _controllers(control)


def _controllers(file: Path) -> frozenset[str]:
    return frozenset(_WANTED).intersection(_text(file).split())


def _admits(directory: Path) -> bool:
    """Try whether groups can be made here, and filled with the platform's children."""
    if not os.access(directory / "cgroup.procs", os.W_OK):
        return False
    probe = directory / f"pushpaka.{token_hex(8)}"
    try:
        probe.mkdir()
        kind = _text(probe / "cgroup.type")
        probe.rmdir()
    except OSError:
        return False
    return "invalid" not in kind


def _members(group: Path) -> list[int]:
    return [int(pid) for pid in _text(group / "cgroup.procs").split()]


def _text(file: Path) -> str:
    with suppress(OSError):
        return file.read_text(encoding="utf-8")
    return ""
