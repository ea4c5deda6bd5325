"""Parses requirements in the formats of pip and other Python tools."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from posixpath import dirname, join, normpath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pushpaka_core.detection.documents import line_of
from pushpaka_core.detection.python.servers import EXTRAS_WITH_SERVER, PACKAGES_WITH_SERVER
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence

_COMMENT = re.compile(r"(^|\s)#.*")
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|\s*=\s*|(?<=-r))(?P<path>\S+)")
_OPTIONS = re.compile(r"\s--?[a-zA-Z-]+(=|\s|$).*")
_EGG = re.compile(r"#egg=(?P<name>[A-Za-z0-9._-]+)")
_MAX_LINES = 20_000
"""
The maximum number of lines in all files together. Real projects have fewer lines, and parsing takes
time.
"""
_MAX_LISTED = 5_000
_ARCHIVES = (".whl", ".zip", ".tar.gz")
_EDITABLE_PROJECT = re.compile(r"(?:(?:-e|--editable)[\s=]*)?\.(?:\[[^\]]*\])?")

Listings = Mapping[str, Evidence]
"""The line that lists each package, by normalized name."""


def read_requirements_file(tree: FileTree, path: str) -> tuple[Listings, frozenset[str]]:
    """Return the packages in *path* and its included files, and the servers that they install."""
    listed: dict[str, Evidence] = {}
    servers: set[str] = set()
    for current, number, line in _lines_of(tree, path):
        if found := _parse_line(line):
            name, brought = found
            listed.setdefault(name, _listing(name, current, number))
            servers |= brought
    return listed, frozenset(servers)


def first_invalid_line(tree: FileTree, path: str) -> Evidence | None:
    """Return the first line that is not a valid requirement, or None."""
    for current, number, line in _lines_of(tree, path):
        is_elsewhere = line.startswith(("-", ".")) or "/" in line
        if line and not is_elsewhere and _parse_line(line) is None and not line.endswith(_ARCHIVES):
            reason = f"{line[:50]!r} is not a valid requirement"
            return Evidence(reason=reason, path=current, line=number)
    return None


def installs_project(tree: FileTree, path: str) -> bool:
    """Return True if *path* installs the project itself, for example with "-e ."."""
    return any(_EDITABLE_PROJECT.fullmatch(line) for _, _, line in _lines_of(tree, path))


def parse_requirements(
    requirements: Iterable[str], path: str, text: str
) -> tuple[Listings, frozenset[str]]:
    """
    Return the packages in *requirements* from *path*, and the servers that they install.

    *text* is the content of *path*, for line numbers.
    """
    some = islice(requirements, _MAX_LISTED)
    found = [(line_of(text, line), parsed) for line in some if (parsed := _parse_line(line))]
    return _listings(found, path)


def parse_requirement_table(
    requirements: Iterable[str], path: str, text: str
) -> tuple[Listings, frozenset[str]]:
    """
    Return the same as `parse_requirements`, for requirements that are keys of a TOML table in
    *path*.
    """
    keys: dict[str, int] = {
        canonicalize_name(line.partition("=")[0].strip().strip("\"'")): number
        for number, line in reversed(list(enumerate(text.splitlines(), 1)))
        if "=" in line
    }
    some = islice(requirements, _MAX_LISTED)
    found = [(keys.get(parsed[0]), parsed) for line in some if (parsed := _parse_line(line))]
    return _listings(found, path)


def _listings(
    numbered_packages: list[tuple[int | None, tuple[str, frozenset[str]]]], path: str
) -> tuple[Listings, frozenset[str]]:
    listed = {
        name: _listing(name, path, number) for number, (name, _) in reversed(numbered_packages)
    }
    return listed, frozenset(server for _, (_, servers) in numbered_packages for server in servers)


def _listing(name: str, path: str, line: int | None) -> Evidence:
    return Evidence(reason=f"{name} is listed", path=path, line=line)


def _lines_of(tree: FileTree, path: str) -> Iterator[tuple[str, int, str]]:
    """Yield the path, number and text of each line in a file and the files that it includes."""
    seen: set[str] = set()
    waiting = [path]
    left = _MAX_LINES
    while waiting and left > 0:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for number, line in islice(_logical_lines(tree.read(current) or ""), left):
            left -= 1
            if included := _INCLUDE.fullmatch(line):
                waiting.append(normpath(join(dirname(current), included["path"])))
            else:
                yield current, number, line


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines without comments, joined at backslashes, with the number of the first line."""
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start if pending else number
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        yield start, _without_comment(pending)
        pending = ""
    yield start, _without_comment(pending)


def _without_comment(line: str) -> str:
    return _COMMENT.sub("", line).strip()


def _parse_line(line: str) -> tuple[str, frozenset[str]] | None:
    """Return the package that *line* requires, with the servers that it installs, or None."""
    if egg := _EGG.search(line):
        return canonicalize_name(egg["name"]), frozenset()
    try:
        requirement = Requirement(_OPTIONS.sub("", line))
    except (InvalidRequirement, RecursionError):
        return None
    name = canonicalize_name(requirement.name)
    extras = (EXTRAS_WITH_SERVER.get((name, extra)) for extra in requirement.extras)
    servers = {name, PACKAGES_WITH_SERVER.get(name), *extras}
    return name, frozenset(server for server in servers if server)
