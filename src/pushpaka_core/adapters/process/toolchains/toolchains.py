"""The toolchains that a build plan needs, in addition to the tools of every project."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from attrs import frozen

from pushpaka_core.adapters.process.toolchains.downloads import PackageDownloader
from pushpaka_core.adapters.process.toolchains.host_node_installations import HostNodeInstallations
from pushpaka_core.adapters.process.toolchains.managed_pythons import ManagedPythons
from pushpaka_core.adapters.process.toolchains.node_toolchains import NodeToolchains
from pushpaka_core.adapters.process.toolchains.package_managers import PackageManagers
from pushpaka_core.adapters.process.toolchains.toolchain_store import ToolchainStore
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.ports.progress import Reporter

_NODE_COMMANDS: Mapping[str, str | None] = {
    "node": None, "npm": None, "npx": None, "pnpm": "pnpm", "pnpx": "pnpm", "yarn": "yarn",
    "bun": "bun", "bunx": "bun",
}  # fmt: skip
"""Commands, with the package manager that provides them, or None if Node provides them."""
_CALL_PATTERN = re.compile(
    rf"(?:^|[;&|(\n])\s*(?:\w+=\S*\s+)*(?P<name>{'|'.join(_NODE_COMMANDS)})(?=\s|$)"
)


@frozen(kw_only=True)
class Toolchains:
    """Provides the toolchains of build plans and removes unused ones."""

    _nodes: NodeToolchains
    _package_managers: PackageManagers
    _store: ToolchainStore
    pythons: ManagedPythons

    @classmethod
    def in_directory(
        cls,
        directory: Path,
        process_manager: ProcessManager,
        *,
        host_env: Mapping[str, str],
        host_directories: Callable[[], Sequence[Path]],
    ) -> Self:
        """
        Return a provider that downloads toolchains to *directory*.

        Args:
            directory: The store of downloaded toolchains.
            process_manager: Runs uv, npm and Node.
            host_env: The environment of downloads: proxies, certificates, mirrors.
            host_directories: Returns the directories of the host to search for Node.
        """
        store = ToolchainStore(directory)
        package_downloader = PackageDownloader(process_manager=process_manager, host_env=host_env)
        host = HostNodeInstallations(process_manager, host_directories)
        return cls(
            nodes=NodeToolchains(store=store, package_downloader=package_downloader, host=host),
            package_managers=PackageManagers(store=store, package_downloader=package_downloader),
            store=store,
            pythons=ManagedPythons(store=store, package_downloader=package_downloader),
        )

    async def node_programs_of(
        self, plan: BuildPlan, *, for_other_users: bool, report: Reporter
    ) -> Mapping[str, Path]:
        """
        Return the Node programs that build and run a plan, by name.

        Plans in other languages also get these programs, in any version, if their commands call
        them.

        Raises:
            BuildError: If a requested version does not exist.
            PlatformFaultError: If a download fails.
        """
        called = sorted({*_commands_called_by(plan), *plan.called_managers})
        is_for_node = plan.language == "node"
        if not (is_for_node or called):
            return {}
        requested_version = plan.language_version if is_for_node else None
        node = await self._nodes.choose(
            requested_version, for_other_users=for_other_users, report=report
        )
        managers: dict[str, str | None] = dict.fromkeys(
            filter(None, map(_NODE_COMMANDS.get, called))
        )
        if is_for_node and plan.package_manager:
            managers[plan.package_manager] = plan.package_manager_version
        programs = dict(node.programs)
        for name, version in managers.items():
            manager = await self._package_managers.choose(name, version, node=node, report=report)
            programs.update(manager.programs if manager else {})
        return programs

    def remove_unused(self, used_programs: Collection[Path]) -> None:
        """
        Remove the downloaded toolchains that contain none of *used_programs* and were unused for a
        day.
        """
        self._store.remove_unused(
            {directory for path in used_programs for directory in path.parents}
        )


def _commands_called_by(plan: BuildPlan) -> set[str]:
    """Return the Node programs and package managers that the plan's commands call."""
    return {match["name"] for step in plan.steps for match in _CALL_PATTERN.finditer(step.command)}
