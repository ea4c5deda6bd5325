"""Small repositories, their plans, and tables that contain both."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias, TypedDict, Unpack

from attrs import frozen

from pushpaka_core.detection import BuildOverrides, MemoryTree, detect
from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    Origin,
    Packaging,
    RepositoryDockerfile,
    StaticSite,
)

Files: TypeAlias = Mapping[str, str]


def package(packages: str = "", *, scripts: Files | None = None, **fields: object) -> str:
    """Return a package.json that depends on *packages*, for example "express vite@^7"."""
    dependencies = {}
    for text in packages.split():
        name, _, version = text.rpartition("@")
        dependencies[name or text] = version if name else "*"
    return json.dumps({"dependencies": dependencies, "scripts": scripts or {}, **fields}, indent=2)


def node(
    packages: str = "",
    files: Files | None = None,
    *,
    scripts: Files | None = None,
    build: str | None = None,
    start: str | None = None,
    **fields: object,
) -> dict[str, str]:
    """Return a Node.js project with a package.json and other *files*."""
    given = {name: text for name, text in {"build": build, "start": start}.items() if text}
    manifest = package(packages, scripts={**given, **(scripts or {})}, **fields)
    return {"package.json": manifest, **(files or {})}


def plan_of(files: Files, *, image: bool = False, **overrides: Any) -> BuildPlan:
    """Return the plan for a repository of *files*. *image* requests a container image."""
    packaging = Packaging.IMAGE if image else Packaging.DIRECTORY
    return detect(MemoryTree(files), BuildOverrides(**{"packaging": packaging, **overrides}))


def commands(plan: BuildPlan) -> list[str]:
    """Return the install and build commands."""
    return [step.command for step in (*((plan.install,) if plan.install else ()), *plan.build)]


def web(plan: BuildPlan) -> str | None:
    """Return the command that starts the web process."""
    return plan.processes["web"].command if "web" in plan.processes else None


def reasons(plan: BuildPlan) -> list[str]:
    """Return the evidence as "reason (path:line)", without the parts that are None."""
    texts = []
    for one in plan.evidence:
        place = ":".join(str(part) for part in (one.path, one.line) if part)
        texts.append(f"{one.reason} ({place})" if place else one.reason)
    return texts


def rejections(plan: BuildPlan) -> dict[str, str]:
    """Return the reason why each candidate was rejected."""
    return {one.framework: one.reason for one in plan.rejected}


def site(
    directory: str,
    fallback: str | None = None,
    not_found: str | None = None,
    origin: Origin = Origin.DETECTED,
) -> StaticSite:
    """Return a static site."""
    return StaticSite(directory=directory, fallback=fallback, not_found=not_found, origin=origin)


class Expected(TypedDict, total=False):
    """The parts of a plan that a case checks."""

    framework: str
    language: str
    version: str | None
    manager: str | None
    manager_version: str | None
    called_managers: tuple[str, ...]
    directory: str
    commands: list[str]
    install: str | None
    build: list[str]
    last: str
    """The last install or build command."""
    web: str | None
    processes: dict[str, str]
    static: StaticSite | None
    dockerfile: RepositoryDockerfile | None
    added: tuple[str, ...]
    env: tuple[str, ...]
    origins: dict[str, Origin]
    """The origin of the command of "install", "build" (the first command) or a process."""
    reasons: list[str]
    """Some of the reasons. The plan can have others."""
    rejected: list[str]
    """The rejected candidates, in the form "framework: reason"."""


def parts(plan: BuildPlan, expected: Expected) -> Mapping[str, object]:
    """Return those parts of *plan* that *expected* contains."""
    found = reasons(plan)
    wanted = expected.get("reasons", [])
    steps = {"install": plan.install, "build": next(iter(plan.build), None), **plan.processes}
    actual = {
        "framework": plan.framework,
        "language": plan.language,
        "version": plan.language_version,
        "manager": plan.package_manager,
        "manager_version": plan.package_manager_version,
        "called_managers": plan.called_managers,
        "directory": plan.directory.rstrip("/"),
        "commands": commands(plan),
        "install": plan.install and plan.install.command,
        "build": [step.command for step in plan.build],
        "last": commands(plan)[-1] if commands(plan) else None,
        "web": web(plan),
        "processes": {name: step.command for name, step in plan.processes.items()},
        "static": plan.static,
        "dockerfile": plan.dockerfile,
        "added": plan.added_packages,
        "env": plan.env_names,
        "origins": {
            name: step and step.origin
            for name, step in steps.items()
            if name in expected.get("origins", ())
        },
        "reasons": wanted if set(wanted) <= set(found) else found,
        "rejected": [f"{one.framework}: {one.reason}" for one in plan.rejected],
    }
    return {name: actual[name] for name in expected}


@frozen
class Case:
    """A repository and its expected plan."""

    files: Files
    overrides: BuildOverrides
    expected: Expected

    def actual(self) -> Mapping[str, object]:
        """Return the actual values of the expected parts."""
        return parts(detect(MemoryTree(self.files), self.overrides), self.expected)


def case(
    files: Files, build_overrides: BuildOverrides | None = None, **expected: Unpack[Expected]
) -> Case:
    """Return a case with *build_overrides*, if any."""
    return Case(files, build_overrides or BuildOverrides(), expected)


def image(files: Files, root_dir: str = "", **expected: Unpack[Expected]) -> Case:
    """Return a case for the container image of an application in *root_dir*."""
    return Case(files, BuildOverrides(root_dir=root_dir, packaging=Packaging.IMAGE), expected)
