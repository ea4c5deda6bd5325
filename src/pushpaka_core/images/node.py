"""Images for Node.js: the package manager that the project asks for, and its own programs."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from attrs import evolve
from semantic_version import NpmSpec, Version  # type: ignore[import-untyped]  # it has none

from pushpaka_core.detection.node.managers import LIFECYCLE
from pushpaka_core.detection.node.versions import as_range
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan, Origin
from pushpaka_core.images.recipe import CACHE, Recipe, place

_LINES = ("22", "24", "20", "18")
"""The versions that are chosen from, the preferred one first."""
_MANAGERS: Mapping[str, tuple[str, str]] = {
    "npm": ("npm", ""),
    "pnpm": ("pnpm", "10"),
    "yarn": ("yarn", "1.22.22"),
    "bun": ("bun", "1"),
}
"""The package of each manager, and the version of it where none is asked for."""
_BERRY = "@yarnpkg/cli-dist"
_ENV = {
    "BUN_INSTALL_CACHE_DIR": f"{CACHE}/bun",
    "YARN_CACHE_FOLDER": f"{CACHE}/yarn",
    "npm_config_audit": "false",
    "npm_config_cache": f"{CACHE}/npm",
    "npm_config_fund": "false",
    "npm_config_store_dir": f"{CACHE}/pnpm",
    "npm_config_update_notifier": "false",
}
_BERRY_ENV = {"YARN_ENABLE_GLOBAL_CACHE": "false", "YARN_GLOBAL_FOLDER": f"{CACHE}/yarn"}
_COMPILED = frozenset(
    {"argon2", "bcrypt", "better-sqlite3", "canvas", "node-gyp", "re2", "sqlite3", "zeromq"}
)
"""Packages that are compiled where no binary of theirs can be fetched."""
_COMPILERS = ("g++", "make", "python3")
_MANIFESTS = frozenset(
    {
        *("package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"),
        *("pnpm-lock.yaml", "pnpm-workspace.yaml", ".pnpmfile.cjs"),
        *("yarn.lock", ".yarnrc", ".yarnrc.yml", "bun.lock", "bun.lockb", "bunfig.toml"),
    }
)


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan with Node.js is made."""
    directory = PurePosixPath(place(plan.directory))
    around = [str(path) for path in (directory, *directory.parents) if path.name]
    found = Recipe(
        base=f"node:{_version(plan.language_version)}-slim",
        env={**_ENV, **(_BERRY_ENV if _is_berry(plan) else {})},
        run_env={"NODE_ENV": "production"},
        path=tuple(f"{path}/node_modules/.bin" for path in around),
    )
    return _with_manifests(_with_packages(_with_manager(found, plan), tree), plan, tree)


def _version(wanted: str | None) -> str:
    """Return the tag of the Node.js that is asked for."""
    text = as_range(wanted) if wanted else None
    if text is None:
        return _LINES[0]
    accepted = NpmSpec(text)
    if (exact := _exact(text)) is not None:
        return exact
    fitting = (line for line in _LINES if accepted.match(Version(f"{line}.99.99")))
    return next(fitting, _LINES[0])


def _exact(text: str) -> str | None:
    try:
        return str(Version(text.lstrip("=v")))
    except ValueError:
        return None


def _is_berry(plan: BuildPlan) -> bool:
    version = plan.package_manager_version or ""
    return plan.package_manager == "yarn" and version.lstrip("^~>=v")[:1] not in {"", "0", "1"}


def _with_manager(recipe: Recipe, plan: BuildPlan) -> Recipe:
    name = plan.package_manager or ""
    if name not in _MANAGERS:
        return recipe
    package, usual = _MANAGERS[name]
    version = plan.package_manager_version or usual
    if not version:
        return recipe
    wanted = f"{_BERRY if _is_berry(plan) else package}@{version}"
    command = f"npm install --global {shlex.quote(wanted)}"
    is_run = any(name in step.command for step in plan.processes.values())
    return evolve(recipe, run_tools=(command,)) if is_run else evolve(recipe, tools=(command,))


def _with_packages(recipe: Recipe, tree: FileTree) -> Recipe:
    listed = {name for manifest in _package_files(tree) for name in _listed(tree, manifest)}
    texts = "".join(tree.read(path) or "" for path in _package_files(tree))
    packages = (
        *(_COMPILERS if listed & _COMPILED else ()),
        *(("git",) if '"git+' in texts else ()),
    )
    run_packages = ("openssl",) if listed & {"prisma", "@prisma/client"} else ()
    return evolve(recipe, packages=packages, run_packages=run_packages)


def _with_manifests(recipe: Recipe, plan: BuildPlan, tree: FileTree) -> Recipe:
    """Let what is installed be kept until its list changes, where the install reads no more."""
    if plan.install is None or plan.install.origin is not Origin.DETECTED:
        return recipe
    reads_more = any(
        LIFECYCLE & set(_table(tree, path, "scripts")) for path in _package_files(tree)
    )
    patched = any("patches/" in path or path.startswith(".yarn/") for path in tree.paths())
    if reads_more or patched:
        return recipe
    manifests = tuple(p for p in tree.paths() if PurePosixPath(p).name in _MANIFESTS)
    return evolve(recipe, manifests=manifests, prefetch=plan.install.command)


def _package_files(tree: FileTree) -> Iterator[str]:
    return (path for path in tree.paths() if PurePosixPath(path).name == "package.json")


def _listed(tree: FileTree, path: str) -> Iterator[str]:
    for key in ("dependencies", "devDependencies", "optionalDependencies"):
        yield from _table(tree, path, key)


def _table(tree: FileTree, path: str, key: str) -> Mapping[str, object]:
    try:
        found = json.loads(tree.read(path) or "{}").get(key)
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}
