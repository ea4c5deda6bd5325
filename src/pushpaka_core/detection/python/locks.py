"""Which packages a lock file will bring, and in which versions."""

from collections.abc import Collection, Iterator, Mapping

from packaging.utils import canonicalize_name

from pushpaka_core.detection.documents import read_json, read_toml, strings, table, tables
from pushpaka_core.detection.tree import FileTree

Locked = Mapping[str, str]
"""Versions by normalised names; empty strings where a lock gives none."""

_Wanted = tuple[str, str]
"""A package and one of its extras; "" is the package without any."""


def locked_by_uv(tree: FileTree, path: str, project: str | None, directory: str) -> Locked:
    """Return what uv.lock holds for one project; *directory* is seen from where the lock lies."""
    packages = tables(read_toml(tree, path).get("package"))
    requirements: dict[_Wanted, set[_Wanted]] = {}
    for package in packages:
        for wanted, needs in _needs(package):
            requirements.setdefault(wanted, set()).update(needs)
    roots = [
        (_name(package), "") for package in packages if _is_root(package, project, directory or ".")
    ]
    names = {name for name, _ in _reachable(roots, requirements)}
    return {name: version for name, version in _versions(packages).items() if name in names}


def locked_by_poetry(tree: FileTree, path: str, direct: Collection[str]) -> Locked:
    """Return what poetry.lock holds for production; *direct* is what the project itself lists."""
    packages = tables(read_toml(tree, path).get("package"))
    if any("groups" in package for package in packages):
        return _versions(one for one in packages if "main" in strings(one.get("groups")))
    requirements: dict[_Wanted, set[_Wanted]] = {
        (_name(package), ""): {
            (canonicalize_name(name), "")
            for name, wanted in table(package, "dependencies").items()
            if not (isinstance(wanted, Mapping) and wanted.get("optional"))
        }
        for package in packages
    }
    names = {name for name, _ in _reachable([(name, "") for name in direct], requirements)}
    return {name: version for name, version in _versions(packages).items() if name in names}


def locked_by_pdm(tree: FileTree, path: str) -> Locked:
    """Return what pdm.lock holds for production."""
    packages = tables(read_toml(tree, path).get("package"))
    return _versions(
        one for one in packages if "default" in strings(one.get("groups")) or "groups" not in one
    )


def locked_by_pipenv(tree: FileTree, path: str) -> Locked:
    """Return what Pipfile.lock holds for production."""
    return {
        canonicalize_name(name): str(table(wanted).get("version", "")).removeprefix("==")
        for name, wanted in table(read_json(tree, path), "default").items()
    }


def locked_by_pylock(tree: FileTree, path: str) -> Locked:
    """Return what pylock.toml holds, without what belongs to groups."""
    packages = tables(read_toml(tree, path).get("packages"))
    return _versions(one for one in packages if "groups" not in str(one.get("marker", "")))


def _versions(
    packages: Collection[Mapping[str, object]] | Iterator[Mapping[str, object]],
) -> Locked:
    return {
        name: version if isinstance(version := package.get("version"), str) else ""
        for package in packages
        if (name := _name(package))
    }


def _reachable(
    waiting: list[_Wanted], requirements: Mapping[_Wanted, set[_Wanted]]
) -> frozenset[_Wanted]:
    seen: set[_Wanted] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted not in seen:
            seen.add(wanted)
            waiting.extend(requirements.get(wanted, ()))
    return frozenset(seen)


def _needs(package: Mapping[str, object]) -> Iterator[tuple[_Wanted, set[_Wanted]]]:
    name = _name(package)
    if name:
        yield (name, ""), set(_listed(package.get("dependencies")))
        for extra, listed in table(package, "optional-dependencies").items():
            yield (name, extra), set(_listed(listed))


def _listed(value: object) -> Iterator[_Wanted]:
    for dependency in tables(value):
        name = _name(dependency)
        if name:
            yield from ((name, extra) for extra in ("", *strings(dependency.get("extra"))))


def _name(package: Mapping[str, object]) -> str:
    name = package.get("name")
    return canonicalize_name(name) if isinstance(name, str) else ""


def _is_root(package: Mapping[str, object], project: str | None, directory: str) -> bool:
    source = table(package, "source")
    is_there = directory in (source.get("virtual"), source.get("editable"))
    return is_there or _name(package) == project
