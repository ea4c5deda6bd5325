"""Computes a cache key for the packages that an install command will install."""

import json
import os
import platform
import re
import stat
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from pushpaka_core.adapters.process.environment import npm_config_env
from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.adapters.process.sandbox.tree_walk import read_regular_file
from pushpaka_core.detection.node.managers import BUN, LIFECYCLE, NPM, YARN
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Origin

_LOCK_FILES: Mapping[str, Sequence[str]] = {
    manager.install: manager.locks for manager in (NPM, YARN, BUN)
}
"""
Install commands that install exactly what a lock file lists, with their lock files.

pnpm is missing because its `node_modules` records the path it was installed to.
"""
_MANIFEST = "package.json"
_SETTINGS = (_MANIFEST, ".npmrc", ".yarnclean", ".yarnrc.yml", "bunfig.toml")
"""Files that installers also read, in the application's directory and its parents."""
_CODE_FILES = (".yarnrc", "binding.gyp")
"""Files that can make an install execute code of the repository."""
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies")
_LOCAL_SECTIONS = ("workspaces", "patchedDependencies")
_LOCAL_REFERENCE = re.compile(rb'\b(?:exec|file|link|patch|portal|workspace):|"link": true')
"""Package specifiers that refer to files of the repository."""
_MAX_FILE_BYTES = 16 * 2**20


def install_key(plan: BuildPlan, release: Release, env: Mapping[str, str]) -> str | None:
    """
    Return a digest of everything that determines the installed packages, or None.

    None means that the result is not predictable: a custom command, code of the application that
    runs during the install, or packages inside the repository. Call this in a worker thread, before
    the command runs.
    """
    install = plan.install
    if (
        install is None
        or install.origin is not Origin.DETECTED
        or install.command not in _LOCK_FILES
    ):
        return None
    app, directory = release.app.resolve(), release.subdirectory(plan.directory).resolve()
    around = [path for path in (directory, *directory.parents) if path.is_relative_to(app)]
    locks = [directory / name for name in _LOCK_FILES[install.command]]
    files = [*locks, *(path / name for path in around for name in _SETTINGS)]
    strange = [
        directory / "node_modules",
        *(path / name for path in around for name in _CODE_FILES),
    ]
    if any(map(os.path.lexists, strange)) or not all(map(_is_regular_or_missing, files)):
        return None
    if not _are_self_contained(directory / _MANIFEST, locks):
        return None
    decisive = {
        "command": install.command,
        "directory": plan.directory,
        "env": dict(env),
        "files": {str(path.relative_to(app)): _digest_of(path) for path in files},
        "host": [platform.machine(), *platform.libc_ver(), *_host_npm_settings()],
        "programs": _programs(release),
    }
    return sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _are_self_contained(manifest: Path, lock_files: Sequence[Path]) -> bool:
    """
    Return True if there is a lock file, and neither it nor the manifest
    refers to local files.
    """
    contents = [_content(path) for path in (manifest, *lock_files) if path.exists()]
    if len(contents) < 2 or any(map(_LOCAL_REFERENCE.search, contents)):
        return False
    try:
        return _is_self_contained(json.loads(contents[0]))
    except (ValueError, RecursionError):
        return False


def _is_self_contained(manifest: object) -> bool:
    if not isinstance(manifest, dict):
        return False
    scripts = manifest.get("scripts") or {}
    dependencies = [manifest.get(section) or {} for section in _DEPENDENCIES]
    if any(manifest.get(name) for name in _LOCAL_SECTIONS):
        return False
    if not all(isinstance(each, dict) for each in (scripts, *dependencies)):
        return False
    paths = [
        one
        for each in dependencies
        for one in each.values()
        if str(one).startswith((".", "/", "~/"))
    ]
    return not (paths or scripts.keys() & LIFECYCLE)


def _programs(release: Release) -> Sequence[Sequence[str | int]]:
    """Return the install programs with size and mtime, which differ between versions."""
    found = [(link.name, link.resolve()) for link in sorted(release.programs.glob("*"))]
    return [(name, str(path), *_size_and_mtime(path)) for name, path in found]


def _host_npm_settings() -> Sequence[int]:
    return [part for path in npm_config_env().values() for part in _size_and_mtime(Path(path))]


def _size_and_mtime(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _is_regular_or_missing(path: Path) -> bool:
    """Return True if *path* is missing, or a regular file of reasonable size."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return True
    return stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_FILE_BYTES


def _digest_of(path: Path) -> str | None:
    return sha256(_content(path)).hexdigest() if path.exists() else None


def _content(path: Path) -> bytes:
    return b"".join(read_regular_file(path))
