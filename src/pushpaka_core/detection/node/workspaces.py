"""Monorepos: the workspace that an application belongs to, and the packages beside it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import PurePosixPath
from posixpath import relpath

from attrs import frozen

from pushpaka_core.detection.documents import inside, read_json, read_yaml, strings, table
from pushpaka_core.detection.node.manager_choice import WORKSPACE_FILE
from pushpaka_core.detection.node.manifest import FILE, Manifest, read_manifest
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.path_patterns import PathPatterns

_MOST_MEMBERS = 500
_MOST_PATTERNS = 200
_MOST_IN_PATTERNS = 5_000
_MOST_IN_DIRECTORIES = 500_000
"""Characters; what nobody writes is passed over, so that looking takes a second at most."""
_ALTERNATIVES = re.compile(r"(\{[^{}]*\})")


@frozen(kw_only=True)
class Workspace:
    """Packages of one repository that are installed together."""

    repository: FileTree
    directory: str
    """Its root, as seen from the repository; "." for the repository itself."""
    patterns: tuple[str, ...]
    source: str
    """The file that says so."""

    @cached_property
    def manifest(self) -> Manifest:
        """Return the manifest of the root."""
        return read_manifest(self.repository, self.directory)

    @cached_property
    def member_directories(self) -> Sequence[str]:
        """Return where its packages lie, as seen from the repository."""
        included = _compiled(one for one in self.patterns if not one.startswith("!"))
        excluded = _compiled(one[1:] for one in self.patterns if one.startswith("!"))
        found = (
            directory
            for directory in _first(_package_directories(self.repository), _MOST_IN_DIRECTORIES)
            if directory != self.directory
            and (inner := _inner(directory, self.directory)) is not None
            and included.match(inner)
            and not excluded.match(inner)
        )
        return sorted(found)[:_MOST_MEMBERS]

    @cached_property
    def members(self) -> Mapping[str, Manifest]:
        """Return the manifests of its packages by their directories."""
        return {
            directory: read_manifest(self.repository, directory)
            for directory in self.member_directories
        }

    def local_dependencies(self, directory: str) -> Sequence[str]:
        """Return where the packages lie that the one in *directory* needs, in building order."""
        by_name = {manifest.name: place for place, manifest in self.members.items()}
        ordered: dict[str, None] = {}
        waiting: list[tuple[str, bool]] = [(directory, False)]
        seen: set[str] = set()
        while waiting:
            place, is_done = waiting.pop()
            if is_done:
                ordered[place] = None
            elif place not in seen:
                seen.add(place)
                waiting.append((place, True))
                needed = (by_name.get(name) for name in self._manifest_of(place).dependencies)
                waiting.extend((one, False) for one in needed if one is not None)
        return [place for place in ordered if place not in {directory, self.directory}]

    def _manifest_of(self, directory: str) -> Manifest:
        return self.members.get(directory) or read_manifest(self.repository, directory)


def workspace_of(repository: FileTree, directory: str) -> Workspace | None:
    """
    Return the workspace of which *directory* is the root or a member.

    Raises:
        DetectionError: If a file that says so is broken; the message holds its place.
    """
    for place in directories_above(directory):
        workspace = _declared_in(repository, place)
        members = workspace.member_directories if workspace else ()
        if members and directory in (place, *members):
            return workspace
    return None


def directories_above(directory: str) -> Sequence[str]:
    """Return *directory* and those above it, up to the repository."""
    path = PurePosixPath(directory)
    return [str(one) for one in (path, *path.parents)]


def way(start: str, end: str) -> str:
    """Return the relative path from one directory of the repository to another."""
    return relpath(end, start)


def _declared_in(repository: FileTree, directory: str) -> Workspace | None:
    for name, patterns in _declarations(repository, directory):
        if patterns:
            return Workspace(
                repository=repository,
                directory=directory,
                patterns=patterns[:_MOST_PATTERNS],
                source=inside(directory, name),
            )
    return None


def _declarations(repository: FileTree, directory: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the files that may name packages, with what they name."""
    pnpm = read_yaml(repository, inside(directory, WORKSPACE_FILE))
    yield WORKSPACE_FILE, strings(pnpm.get("packages"))
    said = read_json(repository, inside(directory, FILE)).get("workspaces")
    yield FILE, strings(table(said).get("packages") if isinstance(said, Mapping) else said)
    lerna = read_json(repository, inside(directory, "lerna.json"))
    yield "lerna.json", strings(lerna.get("packages"))


def _package_directories(repository: FileTree) -> Iterator[str]:
    for path in repository.paths():
        directory, _, name = path.rpartition("/")
        if name == FILE and "node_modules" not in path:
            yield directory or "."


def _inner(directory: str, root: str) -> str | None:
    if root == ".":
        return directory
    return directory.removeprefix(f"{root}/") if directory.startswith(f"{root}/") else None


def _compiled(patterns: Iterable[str]) -> PathPatterns:
    expanded = (each for pattern in patterns for each in _expanded(pattern))
    return PathPatterns.of(_first(expanded, _MOST_IN_PATTERNS))


def _expanded(pattern: str) -> Iterator[str]:
    """Yield what a pattern of directories, as npm, pnpm and yarn know it, stands for."""
    parts = _ALTERNATIVES.split(pattern.strip().removeprefix("./").strip("/"))
    choices = (part[1:-1].split(",") if part.startswith("{") else [part] for part in parts)
    yield from map("".join, product(*choices))


def _first(texts: Iterable[str], most: int) -> Iterator[str]:
    """Yield *texts* until they have so many characters together."""
    for text in texts:
        most -= len(text) + 1
        if most < 0:
            return
        yield text
