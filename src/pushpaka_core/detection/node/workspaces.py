"""Workspaces of npm, Yarn, pnpm and Lerna, and the packages in them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import PurePosixPath
from posixpath import relpath

from attrs import frozen

from pushpaka_core.detection.documents import (
    read_json,
    read_yaml,
    repository_path,
    strings,
    table_at,
)
from pushpaka_core.detection.node.manager_choice import WORKSPACE_FILE
from pushpaka_core.detection.node.manifest import FILE, Manifest, read_manifest
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.projects.path_patterns import PathPatterns

_MAX_MEMBERS = 500
_MAX_PATTERNS = 200
_MAX_PATTERN_CHARACTERS = 5_000
_MAX_DIRECTORY_CHARACTERS = 500_000
"""
The maximum total length of all directories, in characters. Further directories are ignored, so that
matching takes at most a second.
"""
_ALTERNATIVES = re.compile(r"(\{[^{}]*\})")


@frozen(kw_only=True)
class Workspace:
    """The packages of a repository that are installed together."""

    repository: FileTree
    directory: str
    """The workspace root, relative to the repository root, which is "."."""
    patterns: tuple[str, ...]
    source: str
    """The file that declares the workspace."""

    @cached_property
    def manifest(self) -> Manifest:
        """Return the manifest of the workspace root."""
        return read_manifest(self.repository, self.directory)

    @cached_property
    def member_directories(self) -> Sequence[str]:
        """Return the directories of the packages, relative to the repository, sorted."""
        included = _compile_patterns(one for one in self.patterns if not one.startswith("!"))
        excluded = _compile_patterns(one[1:] for one in self.patterns if one.startswith("!"))
        found = (
            directory
            for directory in _limit_characters(
                _package_directories(self.repository), _MAX_DIRECTORY_CHARACTERS
            )
            if directory != self.directory
            and (inner := _relative_to_root(directory, self.directory)) is not None
            and included.match(inner)
            and not excluded.match(inner)
        )
        return sorted(found)[:_MAX_MEMBERS]

    @cached_property
    def members(self) -> Mapping[str, Manifest]:
        """Return the manifests of the packages by directory."""
        return {
            directory: read_manifest(self.repository, directory)
            for directory in self.member_directories
        }

    def local_dependencies(self, directory: str) -> Sequence[str]:
        """Return the directories of packages that *directory* depends on, in build order."""
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
    Return the workspace of which *directory* is the root or a member, or None.

    Raises:
        DetectionError: If a workspace file is invalid. The message includes the line and column.
    """
    for place in directories_above(directory):
        workspace = _workspace_declared_in(repository, place)
        members = workspace.member_directories if workspace else ()
        if members and directory in (place, *members):
            return workspace
    return None


def directories_above(directory: str) -> Sequence[str]:
    """Return *directory* and its parents, up to the repository root."""
    path = PurePosixPath(directory)
    return [str(one) for one in (path, *path.parents)]


def relative_path(start: str, end: str) -> str:
    """Return the relative path from one directory of the repository to another."""
    return relpath(end, start)


def _workspace_declared_in(repository: FileTree, directory: str) -> Workspace | None:
    for name, patterns in _declarations(repository, directory):
        if patterns:
            return Workspace(
                repository=repository,
                directory=directory,
                patterns=patterns[:_MAX_PATTERNS],
                source=repository_path(directory, name),
            )
    return None


def _declarations(repository: FileTree, directory: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the files that may declare a workspace, with the patterns in them."""
    pnpm = read_yaml(repository, repository_path(directory, WORKSPACE_FILE))
    yield WORKSPACE_FILE, strings(pnpm.get("packages"))
    workspaces = read_json(repository, repository_path(directory, FILE)).get("workspaces")
    yield (
        FILE,
        strings(
            table_at(workspaces).get("packages") if isinstance(workspaces, Mapping) else workspaces
        ),
    )
    lerna = read_json(repository, repository_path(directory, "lerna.json"))
    yield "lerna.json", strings(lerna.get("packages"))


def _package_directories(repository: FileTree) -> Iterator[str]:
    for path in repository.paths():
        directory, _, name = path.rpartition("/")
        if name == FILE and "node_modules" not in path:
            yield directory or "."


def _relative_to_root(directory: str, root: str) -> str | None:
    if root == ".":
        return directory
    return directory.removeprefix(f"{root}/") if directory.startswith(f"{root}/") else None


def _compile_patterns(patterns: Iterable[str]) -> PathPatterns:
    expanded = (each for pattern in patterns for each in _expand_braces(pattern))
    return PathPatterns.of(_limit_characters(expanded, _MAX_PATTERN_CHARACTERS))


def _expand_braces(pattern: str) -> Iterator[str]:
    """Expand the alternatives in a workspace pattern, for example "{apps,packages}/*"."""
    parts = _ALTERNATIVES.split(pattern.strip().removeprefix("./").strip("/"))
    choices = (part[1:-1].split(",") if part.startswith("{") else [part] for part in parts)
    yield from map("".join, product(*choices))


def _limit_characters(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Yield *texts* until their total length exceeds *limit* characters."""
    for text in texts:
        limit -= len(text) + 1
        if limit < 0:
            return
        yield text
