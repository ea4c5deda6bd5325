"""The programs by which a plan is built and run, beside the tools that every project has."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from attrs import frozen

from pushpaka_core.adapters.process.downloads import Downloads
from pushpaka_core.adapters.process.host_nodes import HostNodes
from pushpaka_core.adapters.process.node_toolchains import NodeToolchains
from pushpaka_core.adapters.process.package_managers import PackageManagers
from pushpaka_core.adapters.process.toolchain_store import ToolchainStore
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.ports.processes import Processes

Report = Callable[[str], Awaitable[None]]

_OF_NODE: Mapping[str, str | None] = {
    "node": None, "npm": None, "npx": None, "pnpm": "pnpm", "pnpx": "pnpm", "yarn": "yarn",
    "bun": "bun", "bunx": "bun",
}  # fmt: skip
"""What commands call, with the package manager that brings it; None for Node itself."""
_CALLED = re.compile(rf"(?:^|[;&|(\n])\s*(?:\w+=\S*\s+)*(?P<name>{'|'.join(_OF_NODE)})(?=\s|$)")


@frozen(kw_only=True)
class Toolchains:
    """Finds what a plan needs, and lets go of what no release needs any more."""

    _nodes: NodeToolchains
    _package_managers: PackageManagers
    _store: ToolchainStore

    @classmethod
    def in_directory(
        cls,
        directory: Path,
        processes: Processes,
        *,
        host_env: Mapping[str, str],
        host_directories: Callable[[], Sequence[Path]],
    ) -> Self:
        """Return the toolchains that are fetched into *directory*, and those of the host."""
        store = ToolchainStore(directory)
        downloads = Downloads(processes=processes, host_env=host_env)
        host = HostNodes(processes, host_directories)
        return cls(
            nodes=NodeToolchains(store=store, downloads=downloads, host=host),
            package_managers=PackageManagers(store=store, downloads=downloads),
            store=store,
        )

    async def programs_of(
        self, plan: BuildPlan, *, for_others: bool, report: Report
    ) -> Mapping[str, Path]:
        """
        Return the programs by which a plan is built and run for Node, by their names.

        Another plan needs some where one of its commands calls them, in any version.

        Raises:
            BuildError: If what the project asks for is not to be had.
            PlatformFaultError: If it could not be fetched.
        """
        called = sorted(_called_by(plan))
        is_for_node = plan.language == "node"
        if not (is_for_node or called):
            return {}
        wanted = plan.language_version if is_for_node else None
        node = await self._nodes.choose(wanted, for_others=for_others, report=report)
        managers: Mapping[str, str | None] = dict.fromkeys(filter(None, map(_OF_NODE.get, called)))
        if is_for_node:
            name = plan.package_manager
            managers = {name: plan.package_manager_version} if name else {}
        programs = dict(node.programs)
        for name, version in managers.items():
            manager = await self._package_managers.choose(name, version, node=node, report=report)
            programs.update(manager.programs if manager else {})
        return programs

    def sweep(self, used: Collection[Path]) -> None:
        """Remove the fetched toolchains that no program in *used* belongs to, after a while."""
        self._store.sweep({directory for path in used for directory in path.parents})


def _called_by(plan: BuildPlan) -> set[str]:
    """Return which programs of Node, and of its package managers, the plan's commands call."""
    steps = (*((plan.install,) if plan.install else ()), *plan.build, *plan.processes.values())
    return {match["name"] for step in steps for match in _CALLED.finditer(step.command)}
