"""Which packages a lock file will bring."""

from collections.abc import Iterator, Mapping

from packaging.utils import canonicalize_name

from pushpaka_core.detection.documents import read_toml, strings, table, tables
from pushpaka_core.detection.tree import FileTree

_Wanted = tuple[str, str]
"""A package and one of its extras; "" is the package without any."""


def brought_by_uv_lock(tree: FileTree, project: str | None) -> frozenset[str]:
    """Return the names that uv.lock holds for *project* itself, development groups left out."""
    packages = tables(read_toml(tree, "uv.lock").get("package"))
    requirements: dict[_Wanted, set[_Wanted]] = {}
    for package in packages:
        for wanted, needs in _needs(package):
            requirements.setdefault(wanted, set()).update(needs)
    roots = [(_name(package), "") for package in packages if _is_root(package, project)]
    return frozenset(name for name, _ in _reachable(roots, requirements))


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


def _is_root(package: Mapping[str, object], project: str | None) -> bool:
    source = table(package, "source")
    return "." in (source.get("virtual"), source.get("editable")) or _name(package) == project
