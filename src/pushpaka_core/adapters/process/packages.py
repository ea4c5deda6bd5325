"""Reads packages as npm has unpacked them, and unpacks the simple ones: npm is slow at it."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pushpaka_core.adapters.process.version_ranges import Version, read_version
from pushpaka_core.errors import PlatformFaultError

_MODULES = "node_modules"


def installed(target: Path, package: str) -> Path:
    """Return where a package lies that was installed in *target*."""
    return target / _MODULES / package


def programs_of(target: Path) -> Path:
    """Return where the programs of the packages in *target* lie."""
    return target / _MODULES / ".bin"


def version_of(package: Path) -> Version:
    """
    Return the version that a package says it has.

    Raises:
        PlatformFaultError: If it says none.
    """
    version = read_version(str(_manifest(package).get("version")))
    if version is None:
        raise PlatformFaultError(f"The fetched package {package.name} does not say its version.")
    return version


def unpack(archive: Path, target: Path) -> bool:
    """Install what is in *archive* into *target*, unless it depends on what is not in there."""
    unpacked = archive.with_suffix(".unpacked")
    with tarfile.open(archive) as tar:
        # Older patch releases of Python have no filters.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(unpacked)  # noqa: S202 - npm has compared its digest with the registry's
    (package,) = unpacked.iterdir()
    manifest = _manifest(package)
    if _depends(manifest):
        return False
    place = installed(target, manifest["name"])
    place.parent.mkdir(parents=True)
    package.rename(place)
    _link_programs(manifest, place, programs_of(target))
    return True


def _manifest(package: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((package / "package.json").read_text(encoding="utf-8"))
    return manifest


def _depends(manifest: Mapping[str, Any]) -> bool:
    bundled = manifest.get("bundleDependencies") or manifest.get("bundledDependencies") or ()
    kinds = ("dependencies", "optionalDependencies")
    wanted = {name for kind in kinds for name in manifest.get(kind) or ()}
    return bool(wanted - set(bundled))


def _link_programs(manifest: Mapping[str, Any], place: Path, directory: Path) -> None:
    programs = manifest.get("bin") or {}
    if isinstance(programs, str):
        programs = {manifest["name"].rpartition("/")[2]: programs}
    directory.mkdir()
    for name, path in programs.items():
        program = place / path
        program.chmod(0o755)
        (directory / name).symlink_to(Path("..", program.relative_to(directory.parent)))
