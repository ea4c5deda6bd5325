"""Language versions pinned in files such as .tool-versions, mise.toml or .ruby-version."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import line_of, read_toml, repository_path, table_at
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import Evidence

_MISE_FILES = ("mise.toml", ".mise.toml", ".config/mise.toml", "mise/config.toml")
_NUMBER = re.compile(r"\d")
_MAX_LENGTH = 100


@frozen(kw_only=True)
class VersionEntry:
    """A version as it is written in a file."""

    text: str
    path: str
    line: int | None


VersionSource = Callable[[FileTree, str], VersionEntry | None]
"""A function that reads a version from one kind of file in one directory, or returns None."""


@frozen(kw_only=True)
class RequestedVersion:
    """The requested version of a language, and where it is requested."""

    text: str | None = None
    """The version in the syntax of the file. None lets the builder choose."""
    evidence: tuple[Evidence, ...] = ()


def requested_version(
    context: DetectionContext, title: str, sources: Sequence[VersionSource]
) -> RequestedVersion:
    """
    Return the first version that is found in *sources*.

    Sources are tried in order. Each looks in the application directory first and then in its
    parents, up to the repository root.

    Args:
        context: The application.
        title: The name of the language, for the evidence.
        sources: The files to search, most specific first.
    """
    own = PurePosixPath(context.directory)
    directories = [str(directory) for directory in (own, *own.parents)]
    for entry in _entries(context.repository, directories, sources):
        if _is_version(entry.text):
            reason = f"{title} {entry.text} is requested"
            evidence = Evidence(reason=reason, path=entry.path, line=entry.line)
            return RequestedVersion(text=entry.text, evidence=(evidence,))
    return RequestedVersion()


def first_line_source(name: str) -> VersionSource:
    """Return a source that takes the first line of *name* that is neither empty nor a comment."""

    def read(repository: FileTree, directory: str) -> VersionEntry | None:
        path = repository_path(directory, name)
        for number, line in enumerate((repository.read(path) or "").splitlines(), 1):
            if text := line.partition("#")[0].strip():
                return VersionEntry(text=text, path=path, line=number)
        return None

    return read


def tool_versions_source(*tools: str) -> VersionSource:
    """Return a source that looks up *tools* in .tool-versions, the file of asdf."""
    names = "|".join(map(re.escape, tools))
    return pattern_source(".tool-versions", rf"^(?:{names})[ \t]+(?P<version>[^\s#]+)")


def mise_source(*tools: str) -> VersionSource:
    """Return a source that looks up *tools* in the configuration files of mise."""

    def read(repository: FileTree, directory: str) -> VersionEntry | None:
        for name in _MISE_FILES:
            path = repository_path(directory, name)
            listed = table_at(read_toml(repository, path), "tools")
            found = next((listed[tool] for tool in tools if tool in listed), None)
            for text in _mise_versions(found):
                line = line_of(repository.read(path) or "", text)
                return VersionEntry(text=text, path=path, line=line)
        return None

    return read


def pattern_source(name: str, pattern: str) -> VersionSource:
    """
    Return a source that searches the file *name* for *pattern*.

    *pattern* must have a group `version`. It is compiled in multi-line mode.
    """
    wanted = re.compile(pattern, re.MULTILINE)

    def read(repository: FileTree, directory: str) -> VersionEntry | None:
        path = repository_path(directory, name)
        text = repository.read(path) or ""
        match = wanted.search(text)
        if match is None:
            return None
        line = text.count("\n", 0, match.start("version")) + 1
        return VersionEntry(text=match["version"].strip(), path=path, line=line)

    return read


def _is_version(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and text.isprintable() and _NUMBER.search(text) is not None


def _entries(
    repository: FileTree, directories: Iterable[str], sources: Sequence[VersionSource]
) -> Iterator[VersionEntry]:
    places = list(directories)
    for source in sources:
        found = (source(repository, directory) for directory in places)
        yield from (entry for entry in found if entry)


def _mise_versions(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case [str(first), *_] | {"version": str(first)}:
            yield first
