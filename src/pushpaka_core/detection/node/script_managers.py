"""Finds the package managers that scripts call, other than the one that installs packages."""

import re
from collections.abc import Iterable, Iterator

from pushpaka_core.detection.node.managers import LIFECYCLE, LOCK_PRECEDENCE
from pushpaka_core.detection.node.manifest import Manifest, read_manifest
from pushpaka_core.detection.node.scripts import called_scripts, programs_in
from pushpaka_core.detection.node.workspaces import workspace_of
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan

_PROGRAMS = {
    **{manager.name: manager.name for manager in LOCK_PRECEDENCE},
    "bunx": "bun",
    "npx": "npm",
    "pnpx": "pnpm",
}
_NAMED = re.compile(r"[\w:.-]+")


def called_package_managers(repository: FileTree, plan: BuildPlan) -> tuple[str, ...]:
    """
    Return the additional package managers that the commands of *plan*, or their scripts, call.

    npm, the manager that installs the project, and managers that are listed as dependencies are
    left out, because they are available anyway.
    """
    commands = [step.command for step in plan.steps]
    if _PROGRAMS.keys().isdisjoint(one for text in commands for one in programs_in(text)):
        return ()
    named = {name for command in commands for name in _NAMED.findall(command)}
    run = (*LIFECYCLE, *named) if plan.install else named
    called = {
        _PROGRAMS[program]
        for text in (*commands, *_scripts(repository, plan, run))
        for program in programs_in(text)
        if program in _PROGRAMS
    }
    own = read_manifest(repository, plan.directory or ".").dependencies
    return tuple(sorted(called - {"npm", plan.package_manager} - own.keys()))


def _scripts(repository: FileTree, plan: BuildPlan, names: Iterable[str]) -> Iterator[str]:
    for manifest in _manifests(repository, plan.directory or "."):
        for name in called_scripts(manifest, names):
            yield manifest.scripts[name]


def _manifests(repository: FileTree, directory: str) -> Iterator[Manifest]:
    """Yield the manifests of the application and of the packages that are built with it."""
    yield read_manifest(repository, directory)
    workspace = workspace_of(repository, directory)
    if workspace is None:
        return
    if directory == workspace.directory:
        yield from workspace.members.values()
        return
    yield workspace.manifest
    yield from (workspace.members[one] for one in workspace.local_dependencies(directory))
