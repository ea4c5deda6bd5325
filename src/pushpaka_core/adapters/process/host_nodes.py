"""Finds the Node of this host, if it has one."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from anyio import to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.permissions import is_open_to_others
from pushpaka_core.adapters.process.toolchain_store import Toolchain
from pushpaka_core.adapters.process.version_ranges import Version, read_version
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Command, OutputChunk, Processes

NODE, NPM = "node", "npm"
_COMPANIONS = (NPM, "npx", "corepack")


def host_directories() -> Sequence[Path]:
    """Return where programs lie on this host, and where the platform's own Node is."""
    found = shutil.which(NODE)
    own = (Path(found).parent,) if found else ()
    return [Path("/usr/local/bin"), Path("/usr/bin"), *own]


@frozen
class HostNodes:
    """Knows each Node of the host that comes with npm, by its version."""

    _processes: Processes
    _directories: Callable[[], Sequence[Path]] = host_directories
    _known: dict[tuple[Path, int], Version | None] = field(factory=dict, init=False)

    async def all(self, *, for_others: bool) -> Sequence[Toolchain]:
        """Return them, the newest first; for another user, those that others may execute."""
        paths = await to_thread.run_sync(self._paths, for_others)
        found = [node for path, changed in paths if (node := await self._node(path, changed))]
        return sorted(found, key=lambda node: node.version, reverse=True)

    def _paths(self, for_others: bool) -> Sequence[tuple[Path, int]]:
        """Return what may be a Node, each with the time at which it was changed."""
        nodes = dict.fromkeys(directory / NODE for directory in self._directories())
        return [
            (node, node.stat().st_mtime_ns)
            for node in nodes
            if all(_serves(node.with_name(name), for_others) for name in (NODE, NPM))
        ]

    async def _node(self, path: Path, changed: int) -> Toolchain | None:
        if (path, changed) not in self._known:
            self._known[path, changed] = await self._ask(path)
        version = self._known[path, changed]
        if version is None:
            return None
        programs = await to_thread.run_sync(_programs, path)
        return Toolchain(name=NODE, version=version, programs=programs)

    async def _ask(self, path: Path) -> Version | None:
        output = bytearray()

        async def keep(chunk: OutputChunk) -> None:
            output.extend(chunk.data)

        try:
            command = Command(argv=(str(path), "--version"), directory=Path("/"))
            await self._processes.run(command, on_output=keep)
        except PlatformFaultError:
            return None
        return read_version(output.decode(errors="replace"))


def _serves(path: Path, for_others: bool) -> bool:
    return path.exists() and (not for_others or is_open_to_others(path))


def _programs(node: Path) -> dict[str, Path]:
    companions = {name: node.with_name(name) for name in _COMPANIONS}
    return {NODE: node, **{name: path for name, path in companions.items() if path.exists()}}
