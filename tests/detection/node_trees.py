"""Small Node.js repositories for tests of detection."""

import json
from collections.abc import Mapping

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan

Scripts = Mapping[str, str]


def package(*dependencies: str, scripts: Scripts | None = None, **fields: object) -> str:
    """Return a package.json; a dependency is a name, or a name and a version as in "vite@^7"."""
    split = (text.rpartition("@") for text in dependencies)
    listed = {name: version for name, _, version in split if name} | {
        text: "*" for text in dependencies if not text.rpartition("@")[0]
    }
    return json.dumps({"dependencies": listed, "scripts": scripts or {}, **fields}, indent=2)


def plan_of(
    files: Mapping[str, str], *, root_dir: str = "", framework: str | None = None
) -> BuildPlan:
    """Return the plan for a repository of *files*."""
    return detect(MemoryTree(files), Wishes(root_dir=root_dir, framework=framework))


def commands(plan: BuildPlan) -> list[str]:
    """Return what the plan runs to install and build."""
    return [step.command for step in (*((plan.install,) if plan.install else ()), *plan.build)]


def web(plan: BuildPlan) -> str:
    """Return what the plan starts."""
    return plan.processes["web"].command


def reasons(plan: BuildPlan) -> list[str]:
    """Return why the plan is as it is, each with its place."""
    return [f"{one.reason} ({one.path}:{one.line})" for one in plan.evidence]


def passed_over(plan: BuildPlan) -> dict[str, str]:
    """Return what was not taken, with the reasons."""
    return {one.framework: one.reason for one in plan.rejected}
