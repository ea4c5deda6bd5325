"""Reads unpacked npm packages, and installs packages without dependencies faster than npm."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pushpaka_core.adapters.process.toolchains.version_ranges import Version, parse_version
from pushpaka_core.errors import PlatformFaultError

_MODULES = "node_modules"


def package_directory(target: Path, package: str) -> Path:
    """Return the path of a package that is installed in *target*."""
    return target / _MODULES / package


def executables_directory(target: Path) -> Path:
    """Return the directory of the executables of the packages in *target*."""
    return target / _MODULES / ".bin"


def package_version(package: Path) -> Version:
    """
    Return the version in a package's manifest.

    Raises:
        PlatformFaultError: If the manifest has no valid version.
    """
    version = parse_version(str(_manifest(package).get("version")))
    if version is None:
        raise PlatformFaultError(
            f"The downloaded package {package.name} has no valid version. Change the required"
            " version."
        )
    return version


def install_without_dependencies(archive: Path, target: Path) -> bool:
    """
    Install the package in *archive* into *target*, and return True.

    Returns False without installing if the package has dependencies that are not bundled.
    """
    unpacked = archive.with_suffix(".unpacked")
    with tarfile.open(archive) as tar:
        # Older patch releases of Python have no extraction filters.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(unpacked)  # noqa: S202 - npm has compared its digest with the registry's
    (package,) = unpacked.iterdir()
    manifest = _manifest(package)
    if _has_unbundled_dependencies(manifest):
        return False
    place = package_directory(target, manifest["name"])
    place.parent.mkdir(parents=True)
    package.rename(place)
    _link_programs(manifest, place, executables_directory(target))
    return True


def _manifest(package: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((package / "package.json").read_text(encoding="utf-8"))
    return manifest


def _has_unbundled_dependencies(manifest: Mapping[str, Any]) -> bool:
    bundled = manifest.get("bundleDependencies") or manifest.get("bundledDependencies") or ()
    kinds = ("dependencies", "optionalDependencies")
    dependencies = {name for kind in kinds for name in manifest.get(kind) or ()}
    return bool(dependencies - set(bundled))


def _link_programs(manifest: Mapping[str, Any], package: Path, directory: Path) -> None:
    programs = manifest.get("bin") or {}
    if isinstance(programs, str):
        programs = {manifest["name"].rpartition("/")[2]: programs}
    directory.mkdir()
    for name, path in programs.items():
        program = package / path
        program.chmod(0o755)
        (directory / name).symlink_to(Path("..", program.relative_to(directory.parent)))
