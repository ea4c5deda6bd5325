"""Node.js images: the requested package manager and its cache."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from attrs import evolve
from semantic_version import Version  # type: ignore[import-untyped]  # has no type stubs

from pushpaka_core.detection.node.managers import LIFECYCLE
from pushpaka_core.detection.node.versions import as_range
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Origin
from pushpaka_core.images.recipe import CACHE, ImageRecipe, image_path
from pushpaka_core.images.version_ranges import first_allowed

_RELEASE_LINES = ("22", "24", "20", "18")
"""The supported release lines, in order of preference."""
_MANAGERS: Mapping[str, tuple[str, str]] = {
    "npm": ("npm", ""),
    "pnpm": ("pnpm", "10"),
    "yarn": ("yarn", "1.22.22"),
    "bun": ("bun", "1"),
}
"""The npm package and default version of each package manager."""
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
"""Packages that need a compiler if no prebuilt binary is available."""
_COMPILERS = ("g++", "make", "python3")
_MANIFESTS = frozenset(
    {
        *("package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"),
        *("pnpm-lock.yaml", "pnpm-workspace.yaml", ".pnpmfile.cjs"),
        *("yarn.lock", ".yarnrc", ".yarnrc.yml", "bun.lock", "bun.lockb", "bunfig.toml"),
    }
)


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a Node.js plan."""
    directory = PurePosixPath(image_path(plan.directory))
    around = [str(path) for path in (directory, *directory.parents) if path.name]
    found = ImageRecipe(
        base=f"node:{_version(plan.language_version)}-slim",
        env={**_ENV, **(_BERRY_ENV if _uses_modern_yarn(plan) else {})},
        run_env={"NODE_ENV": "production"},
        path_directories=tuple(f"{path}/node_modules/.bin" for path in around),
    )
    return _with_install_layer(_with_packages(_with_managers(found, plan), tree), plan, tree)


def script_manager_installs(plan: BuildPlan) -> tuple[str, ...]:
    """Return the npm commands that install the package managers that scripts call."""
    return tuple(command for name in plan.called_managers for command in _install_commands(name))


def _version(requested_version: str | None) -> str:
    """Return the image tag for the requested Node.js version."""
    text = as_range(requested_version) if requested_version else None
    return _exact_version(text or "") or first_allowed(text, _RELEASE_LINES)


def _exact_version(text: str) -> str | None:
    try:
        return str(Version(text.lstrip("=v")))
    except ValueError:
        return None


def _uses_modern_yarn(plan: BuildPlan) -> bool:
    version = plan.package_manager_version or ""
    return plan.package_manager == "yarn" and version.lstrip("^~>=v")[:1] not in {"", "0", "1"}


def _with_managers(recipe: ImageRecipe, plan: BuildPlan) -> ImageRecipe:
    """
    Return *recipe* with the package manager, and the managers that scripts call.

    Scripts may run in the build stage and at run time, so the managers that they call are part of
    the shared base.
    """
    own = plan.package_manager or ""
    install = _install_commands(
        own, plan.package_manager_version, is_modern_yarn=_uses_modern_yarn(plan)
    )
    is_run = any(own in step.command for step in plan.processes.values())
    return evolve(
        recipe,
        tools=() if is_run else install,
        run_tools=(*(install if is_run else ()), *script_manager_installs(plan)),
    )


def _install_commands(
    name: str, version: str | None = None, *, is_modern_yarn: bool = False
) -> tuple[str, ...]:
    package, usual = _MANAGERS.get(name, ("", ""))
    requirement = f"{_BERRY if is_modern_yarn else package}@{version or usual}"
    if not (package and (version or usual)):
        return ()
    # The official images install yarn without npm, so npm overwrites it only with --force.
    force = "--force " if name == "yarn" else ""
    return (f"npm install --global {force}{shlex.quote(requirement)}",)


def _with_packages(recipe: ImageRecipe, tree: FileTree) -> ImageRecipe:
    listed = {
        name for manifest in _package_files(tree) for name in _listed_packages(tree, manifest)
    }
    texts = "".join(tree.read(path) or "" for path in _package_files(tree))
    packages = (
        *(_COMPILERS if listed & _COMPILED else ()),
        *(("git",) if '"git+' in texts else ()),
    )
    run_packages = ("openssl",) if listed & {"prisma", "@prisma/client"} else ()
    return evolve(recipe, packages=packages, run_packages=run_packages)


def _with_install_layer(recipe: ImageRecipe, plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return *recipe* with a cached layer for dependencies, unless they need other files."""
    if plan.install is None or plan.install.origin is not Origin.DETECTED:
        return recipe
    reads_more = any(
        LIFECYCLE & set(_table(tree, path, "scripts")) for path in _package_files(tree)
    )
    patched = any("patches/" in path or path.startswith(".yarn/") for path in tree.paths())
    if reads_more or patched:
        return recipe
    manifests = tuple(p for p in tree.paths() if PurePosixPath(p).name in _MANIFESTS)
    return evolve(recipe, manifests=manifests, install_from_manifests=plan.install.command)


def _package_files(tree: FileTree) -> Iterator[str]:
    return (path for path in tree.paths() if PurePosixPath(path).name == "package.json")


def _listed_packages(tree: FileTree, path: str) -> Iterator[str]:
    for key in ("dependencies", "devDependencies", "optionalDependencies"):
        yield from _table(tree, path, key)


def _table(tree: FileTree, path: str, key: str) -> Mapping[str, object]:
    try:
        found = json.loads(tree.read(path) or "{}").get(key)
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}
