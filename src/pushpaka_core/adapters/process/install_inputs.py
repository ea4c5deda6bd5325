"""What decides which packages an installation leaves, as far as that is known before it."""

import json
import os
import platform
import re
import stat
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from pushpaka_core.adapters.process.environment import npm_configuration
from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.adapters.process.walking import read_pieces
from pushpaka_core.detection.node.managers import BUN, LIFECYCLE, NPM, YARN
from pushpaka_core.domain.build_plans import BuildPlan, Origin

_LOCKS: Mapping[str, Sequence[str]] = {
    manager.install: manager.locks for manager in (NPM, YARN, BUN)
}
"""
The lock files, by the commands that install what these say and nothing else.

pnpm is not among them: it notes in what it installs where that lies.
"""
_MANIFEST = "package.json"
_SETTINGS = (_MANIFEST, ".npmrc", ".yarnclean", ".yarnrc.yml", "bunfig.toml")
"""What installers also read, in the directory of the application or above it."""
_CODE = (".yarnrc", "binding.gyp")
"""With one of these an installation may run what the repository holds."""
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies")
_WIDER = ("workspaces", "patchedDependencies")
_LOCAL = re.compile(rb'\b(?:exec|file|link|patch|portal|workspace):|"link": true')
"""How packages are named that lie in the repository, or are changed by what does."""
_LONGEST_FILE = 16 * 2**20


def key_of(plan: BuildPlan, release: Release, env: Mapping[str, str]) -> str | None:
    """
    Return a digest of all that decides which packages the plan's command installs.

    None where something else may have a say: a command that is not ours, code of the
    application, packages that lie in its repository. For a worker thread, before the command.
    """
    install = plan.install
    if install is None or install.origin is not Origin.DETECTED or install.command not in _LOCKS:
        return None
    app, directory = release.app.resolve(), release.below(plan.directory).resolve()
    around = [path for path in (directory, *directory.parents) if path.is_relative_to(app)]
    locks = [directory / name for name in _LOCKS[install.command]]
    files = [*locks, *(path / name for path in around for name in _SETTINGS)]
    strange = [directory / "node_modules", *(path / name for path in around for name in _CODE)]
    if any(map(os.path.lexists, strange)) or not all(map(_is_plain_or_absent, files)):
        return None
    if not _are_closed(directory / _MANIFEST, locks):
        return None
    decisive = {
        "command": install.command,
        "directory": plan.directory,
        "env": dict(env),
        "files": {str(path.relative_to(app)): _digest_of(path) for path in files},
        "host": [platform.machine(), *platform.libc_ver(), *_settings_of_host()],
        "programs": _programs(release),
    }
    return sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _are_closed(manifest: Path, locks: Sequence[Path]) -> bool:
    """Tell whether there is a lock file, and neither it nor the manifest leads to other files."""
    contents = [_content(path) for path in (manifest, *locks) if path.exists()]
    if len(contents) < 2 or any(map(_LOCAL.search, contents)):
        return False
    try:
        return _is_closed(json.loads(contents[0]))
    except (ValueError, RecursionError):
        return False


def _is_closed(manifest: object) -> bool:
    if not isinstance(manifest, dict):
        return False
    scripts = manifest.get("scripts") or {}
    wanted = [manifest.get(section) or {} for section in _DEPENDENCIES]
    if any(manifest.get(name) for name in _WIDER):
        return False
    if not all(isinstance(each, dict) for each in (scripts, *wanted)):
        return False
    paths = [
        one for each in wanted for one in each.values() if str(one).startswith((".", "/", "~/"))
    ]
    return not (paths or scripts.keys() & LIFECYCLE)


def _programs(release: Release) -> Sequence[Sequence[str | int]]:
    """Return by what it is installed: another version of a program is another file."""
    found = [(link.name, link.resolve()) for link in sorted(release.programs.glob("*"))]
    return [(name, str(path), *_identity(path)) for name, path in found]


def _settings_of_host() -> Sequence[int]:
    return [part for path in npm_configuration().values() for part in _identity(Path(path))]


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _is_plain_or_absent(path: Path) -> bool:
    """Tell whether it can be read as its installer would read it."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return True
    return stat.S_ISREG(status.st_mode) and status.st_size <= _LONGEST_FILE


def _digest_of(path: Path) -> str | None:
    return sha256(_content(path)).hexdigest() if path.exists() else None


def _content(path: Path) -> bytes:
    return b"".join(read_pieces(path))
