"""Reads the packages and versions of lock files."""

from collections.abc import Collection, Iterator, Mapping

from packaging.utils import canonicalize_name

from pushpaka_core.detection.documents import read_json, read_toml, strings, table_at, tables
from pushpaka_core.detection.tree import FileTree

LockedVersions = Mapping[str, str]
"""Versions by normalized package name. A version is empty if the lock file does not state it."""

_PackageExtra = tuple[str, str]
"""A package and one of its extras, or "" for the package without extras."""


def read_uv_versions(
    tree: FileTree, path: str, project: str | None, directory: str
) -> LockedVersions:
    """
    Return the versions that uv.lock installs for one project.

    Args:
        tree: The files that *path* is relative to.
        path: The lock file.
        project: The normalized name of the project, or None.
        directory: The directory of the project, relative to the lock file.
    """
    packages = tables(read_toml(tree, path).get("package"))
    requirements: dict[_PackageExtra, set[_PackageExtra]] = {}
    for package in packages:
        for dependent, needs in _dependencies_of(package):
            requirements.setdefault(dependent, set()).update(needs)
    roots = [
        (_name(package), "") for package in packages if _is_root(package, project, directory or ".")
    ]
    names = {name for name, _ in _reachable_packages(roots, requirements)}
    return {name: version for name, version in _versions(packages).items() if name in names}


def read_poetry_versions(
    tree: FileTree, path: str, direct_dependencies: Collection[str]
) -> LockedVersions:
    """Return the versions that poetry.lock installs in production for *direct_dependencies*."""
    packages = tables(read_toml(tree, path).get("package"))
    if any("groups" in package for package in packages):
        return _versions(one for one in packages if "main" in strings(one.get("groups")))
    requirements: dict[_PackageExtra, set[_PackageExtra]] = {
        (_name(package), ""): {
            (canonicalize_name(name), "")
            for name, requirement in table_at(package, "dependencies").items()
            if not (isinstance(requirement, Mapping) and requirement.get("optional"))
        }
        for package in packages
    }
    names = {
        name
        for name, _ in _reachable_packages(
            [(name, "") for name in direct_dependencies], requirements
        )
    }
    return {name: version for name, version in _versions(packages).items() if name in names}


def read_pdm_versions(tree: FileTree, path: str) -> LockedVersions:
    """Return the versions that pdm.lock installs in production."""
    packages = tables(read_toml(tree, path).get("package"))
    return _versions(
        one for one in packages if "default" in strings(one.get("groups")) or "groups" not in one
    )


def read_pipenv_versions(tree: FileTree, path: str) -> LockedVersions:
    """Return the versions that Pipfile.lock installs in production."""
    return {
        canonicalize_name(name): str(table_at(requirement).get("version", "")).removeprefix("==")
        for name, requirement in table_at(read_json(tree, path), "default").items()
    }


def read_pylock_versions(tree: FileTree, path: str) -> LockedVersions:
    """Return the versions that pylock.toml installs without dependency groups."""
    packages = tables(read_toml(tree, path).get("packages"))
    return _versions(one for one in packages if "groups" not in str(one.get("marker", "")))


def _versions(
    packages: Collection[Mapping[str, object]] | Iterator[Mapping[str, object]],
) -> LockedVersions:
    return {
        name: version if isinstance(version := package.get("version"), str) else ""
        for package in packages
        if (name := _name(package))
    }


def _reachable_packages(
    pending_packages: list[_PackageExtra], requirements: Mapping[_PackageExtra, set[_PackageExtra]]
) -> frozenset[_PackageExtra]:
    seen: set[_PackageExtra] = set()
    while pending_packages:
        package = pending_packages.pop()
        if package not in seen:
            seen.add(package)
            pending_packages.extend(requirements.get(package, ()))
    return frozenset(seen)


def _dependencies_of(
    package: Mapping[str, object],
) -> Iterator[tuple[_PackageExtra, set[_PackageExtra]]]:
    name = _name(package)
    if name:
        yield (name, ""), set(_packages_in(package.get("dependencies")))
        for extra, listed in table_at(package, "optional-dependencies").items():
            yield (name, extra), set(_packages_in(listed))


def _packages_in(value: object) -> Iterator[_PackageExtra]:
    for dependency in tables(value):
        name = _name(dependency)
        if name:
            yield from ((name, extra) for extra in ("", *strings(dependency.get("extra"))))


def _name(package: Mapping[str, object]) -> str:
    name = package.get("name")
    return canonicalize_name(name) if isinstance(name, str) else ""


def _is_root(package: Mapping[str, object], project: str | None, directory: str) -> bool:
    source = table_at(package, "source")
    is_there = directory in (source.get("virtual"), source.get("editable"))
    return is_there or _name(package) == project
