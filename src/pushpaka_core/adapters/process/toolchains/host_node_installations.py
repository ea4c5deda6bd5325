"""Finds the Node installations of this host."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from anyio import to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.sandbox.permissions import is_accessible_to_others
from pushpaka_core.adapters.process.toolchains.toolchain_store import Toolchain
from pushpaka_core.adapters.process.toolchains.version_ranges import Version, parse_version
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.host.process_output import run_captured
from pushpaka_core.ports.processes import Command, ProcessManager

NODE, NPM = "node", "npm"
_COMPANIONS = (NPM, "npx", "corepack")


def default_node_directories() -> Sequence[Path]:
    """Return the directories to search for Node; the one in the platform's PATH is last."""
    found = shutil.which(NODE)
    own = (Path(found).parent,) if found else ()
    return [Path("/usr/local/bin"), Path("/usr/bin"), *own]


@frozen
class HostNodeInstallations:
    """Finds the Node installations that include npm, and caches their versions."""

    _process_manager: ProcessManager
    _directories: Callable[[], Sequence[Path]] = default_node_directories
    _versions: dict[tuple[Path, int], Version | None] = field(factory=dict, init=False)

    async def find_all(self, *, for_other_users: bool) -> Sequence[Toolchain]:
        """
        Return the installations, newest version first.

        With *for_other_users*, only those that other users may execute are returned.
        """
        paths = await to_thread.run_sync(self._paths, for_other_users)
        found = [node for path, changed in paths if (node := await self._node(path, changed))]
        return sorted(found, key=lambda node: node.version, reverse=True)

    def _paths(self, for_other_users: bool) -> Sequence[tuple[Path, int]]:
        """Return the candidate executables with their modification time in nanoseconds."""
        nodes = dict.fromkeys(directory / NODE for directory in self._directories())
        return [
            (node, node.stat().st_mtime_ns)
            for node in nodes
            if all(_is_usable(node.with_name(name), for_other_users) for name in (NODE, NPM))
        ]

    async def _node(self, path: Path, mtime_ns: int) -> Toolchain | None:
        if (path, mtime_ns) not in self._versions:
            self._versions[path, mtime_ns] = await self._query_version(path)
        version = self._versions[path, mtime_ns]
        if version is None:
            return None
        programs = await to_thread.run_sync(_programs, path)
        return Toolchain(name=NODE, version=version, programs=programs)

    async def _query_version(self, path: Path) -> Version | None:
        command = Command(argv=(str(path), "--version"), directory=Path("/"))
        try:
            return parse_version((await run_captured(self._process_manager, command)).output)
        except PlatformFaultError:
            return None


def _is_usable(path: Path, for_other_users: bool) -> bool:
    return path.exists() and (not for_other_users or is_accessible_to_others(path))


def _programs(node: Path) -> dict[str, Path]:
    companions = {name: node.with_name(name) for name in _COMPANIONS}
    return {NODE: node, **{name: path for name, path in companions.items() if path.exists()}}
