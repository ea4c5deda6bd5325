"""Requirements as Python's tools write them, matched by exact name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from posixpath import dirname, join, normpath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pushpaka_core.detection.documents import line_of
from pushpaka_core.detection.python.servers import EXTRAS_WITH_SERVER, PACKAGES_WITH_SERVER
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence

_COMMENT = re.compile(r"(^|\s)#.*")
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|\s*=\s*|(?<=-r))(?P<path>\S+)")
_OPTIONS = re.compile(r"\s--?[a-zA-Z-]+(=|\s|$).*")
_EGG = re.compile(r"#egg=(?P<name>[A-Za-z0-9._-]+)")
_MOST_LINES = 20_000
"""Of all files together; nobody lists more, and each takes its time to be understood."""
_MOST_LISTED = 5_000
_ARCHIVES = (".whl", ".zip", ".tar.gz")
_ITSELF = re.compile(r"(?:(?:-e|--editable)[\s=]*)?\.(?:\[[^\]]*\])?")

Listed = Mapping[str, Evidence]
"""Where each package is listed, by normalised name."""


def in_requirements_file(tree: FileTree, path: str) -> tuple[Listed, frozenset[str]]:
    """Return what *path* and the files that it includes list, and the servers that come with it."""
    listed: dict[str, Evidence] = {}
    servers: set[str] = set()
    for current, number, line in _lines_of(tree, path):
        if found := _parsed(line):
            name, brought = found
            listed.setdefault(name, _listing(name, current, number))
            servers |= brought
    return listed, frozenset(servers)


def not_understood(tree: FileTree, path: str) -> Evidence | None:
    """Point at the first line that asks for nothing that could be installed."""
    for current, number, line in _lines_of(tree, path):
        is_elsewhere = line.startswith(("-", ".")) or "/" in line
        if line and not is_elsewhere and _parsed(line) is None and not line.endswith(_ARCHIVES):
            reason = f"{line[:50]!r} is no requirement that pip or uv would understand"
            return Evidence(reason=reason, path=current, line=number)
    return None


def asks_for_itself(tree: FileTree, path: str) -> bool:
    """Tell whether the project is among the requirements of *path*, as in "-e ."."""
    return any(_ITSELF.fullmatch(line) for _, _, line in _lines_of(tree, path))


def in_strings(requirements: Iterable[str], path: str, text: str) -> tuple[Listed, frozenset[str]]:
    """Return what *requirements*, which stand in *path*, list, and the servers they bring."""
    some = islice(requirements, _MOST_LISTED)
    found = [(line_of(text, line), parsed) for line in some if (parsed := _parsed(line))]
    return _listings(found, path)


def in_table(requirements: Iterable[str], path: str, text: str) -> tuple[Listed, frozenset[str]]:
    """Return the same for requirements that stand in *path* as keys of a table."""
    keys: dict[str, int] = {
        canonicalize_name(line.partition("=")[0].strip().strip("\"'")): number
        for number, line in reversed(list(enumerate(text.splitlines(), 1)))
        if "=" in line
    }
    some = islice(requirements, _MOST_LISTED)
    found = [(keys.get(parsed[0]), parsed) for line in some if (parsed := _parsed(line))]
    return _listings(found, path)


def _listings(
    found: list[tuple[int | None, tuple[str, frozenset[str]]]], path: str
) -> tuple[Listed, frozenset[str]]:
    listed = {name: _listing(name, path, number) for number, (name, _) in reversed(found)}
    return listed, frozenset(server for _, (_, servers) in found for server in servers)


def _listing(name: str, path: str, line: int | None) -> Evidence:
    return Evidence(reason=f"{name} is listed", path=path, line=line)


def _lines_of(tree: FileTree, path: str) -> Iterator[tuple[str, int, str]]:
    """Yield the lines of a file, and of those that it includes, with their places."""
    seen: set[str] = set()
    waiting = [path]
    left = _MOST_LINES
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
    """Yield lines without comments, joined where a backslash says so, by their first number."""
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


def _parsed(line: str) -> tuple[str, frozenset[str]] | None:
    """Return the package that *line* asks for, with the servers that it is known to bring."""
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
