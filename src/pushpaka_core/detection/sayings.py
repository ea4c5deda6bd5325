"""Which version of a language the files say that are made for saying it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.detection.documents import inside, line_of, read_toml, table
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import Evidence

_MISE_FILES = ("mise.toml", ".mise.toml", ".config/mise.toml")
_NUMBER = re.compile(r"\d")
_LONGEST = 100


@frozen(kw_only=True)
class Saying:
    """What one file says, as it is written there."""

    text: str
    path: str
    line: int | None


Source = Callable[[FileTree, str], Saying | None]
"""Looks into one kind of file, in one directory of a repository."""


@frozen(kw_only=True)
class SaidVersion:
    """The version that is asked for, and where."""

    text: str | None = None
    """As its tool writes it; None leaves the choice to the builder."""
    evidence: tuple[Evidence, ...] = ()


def said_version(question: Question, title: str, sources: Sequence[Source]) -> SaidVersion:
    """Return the first version that one of *sources* has; the nearest directory wins."""
    own = PurePosixPath(question.directory)
    directories = [str(directory) for directory in (own, *own.parents)]
    for saying in _sayings(question.repository, directories, sources):
        if _is_version(saying.text):
            reason = f"{title} {saying.text} is asked for"
            evidence = Evidence(reason=reason, path=saying.path, line=saying.line)
            return SaidVersion(text=saying.text, evidence=(evidence,))
    return SaidVersion()


def first_line(name: str) -> Source:
    """Look for the first line of a file that is no comment."""

    def read(repository: FileTree, directory: str) -> Saying | None:
        path = inside(directory, name)
        for number, line in enumerate((repository.read(path) or "").splitlines(), 1):
            if text := line.partition("#")[0].strip():
                return Saying(text=text, path=path, line=number)
        return None

    return read


def tool_versions(*tools: str) -> Source:
    """Look for one of *tools* in the file of asdf."""
    names = "|".join(map(re.escape, tools))
    return matched(".tool-versions", rf"^(?:{names})[ \t]+(?P<version>\S+)")


def mise(*tools: str) -> Source:
    """Look for one of *tools* in the file of mise."""

    def read(repository: FileTree, directory: str) -> Saying | None:
        for name in _MISE_FILES:
            path = inside(directory, name)
            listed = table(read_toml(repository, path), "tools")
            found = next((listed[tool] for tool in tools if tool in listed), None)
            for text in _mise_versions(found):
                line = line_of(repository.read(path) or "", text)
                return Saying(text=text, path=path, line=line)
        return None

    return read


def matched(name: str, pattern: str) -> Source:
    """Look for a line of a file that *pattern* finds, with a group `version`."""
    wanted = re.compile(pattern, re.MULTILINE)

    def read(repository: FileTree, directory: str) -> Saying | None:
        path = inside(directory, name)
        text = repository.read(path) or ""
        match = wanted.search(text)
        if match is None:
            return None
        line = text.count("\n", 0, match.start("version")) + 1
        return Saying(text=match["version"].strip(), path=path, line=line)

    return read


def _is_version(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable() and _NUMBER.search(text) is not None


def _sayings(
    repository: FileTree, directories: Iterable[str], sources: Sequence[Source]
) -> Iterator[Saying]:
    places = list(directories)
    for source in sources:
        found = (source(repository, directory) for directory in places)
        yield from (saying for saying in found if saying)


def _mise_versions(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case [str(first), *_] | {"version": str(first)}:
            yield first
