"""The programs by which a plan is built and run, beside the tools that every project has."""

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
        Return the programs of a plan for Node by their names; other plans need none.

        Raises:
            BuildError: If what the project asks for is not to be had.
            PlatformFaultError: If it could not be fetched.
        """
        if plan.language != "node":
            return {}
        node = await self._nodes.choose(plan.language_version, for_others=for_others, report=report)
        if plan.package_manager is None:
            return node.programs
        manager = await self._package_managers.choose(
            plan.package_manager, plan.package_manager_version, node=node, report=report
        )
        return {**node.programs, **(manager.programs if manager else {})}

    def sweep(self, used: Collection[Path]) -> None:
        """Remove the fetched toolchains that no program in *used* belongs to, after a while."""
        self._store.sweep({directory for path in used for directory in path.parents})
