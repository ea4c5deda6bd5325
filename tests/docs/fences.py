"""Finds the fenced blocks of a page, and what its comments say of them."""

import re
from collections.abc import Callable, Iterable, Mapping

from attrs import frozen
from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

Run = Callable[[Example], None]
TEXT = frozenset({"", "text"})
"""What is shown, and is no code."""
_FENCES = RawFencedCodeBlockLexer(re.compile(r"(?P<language>\{?[\w-]*\}?)[^\n]*\n"))
_SET_UP = DirectiveInHTMLCommentLexer("set up in python")
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>\S[^\n]*?) -->\s*\Z")
_FILE = re.compile(r"<!-- file: (?P<path>\S+) -->\s*\Z")
FILE = "file"
"""Names, among what runs blocks, what writes a file."""


@frozen
class NotRun:
    """A block that cannot be run where the docs are judged, and why."""

    place: str
    reason: str


@frozen
class Fences:
    """
    Yields each block of code with what runs it, by its language.

    `<!-- not run: <reason> -->` before a block leaves it out, and `<!-- file: <path> -->`
    makes it a file that commands find. The lines of a comment `<!-- set up in python` are run
    where they stand, and readers do not see them.
    """

    runs: Mapping[str, Run]

    def __call__(self, document: Document) -> Iterable[Region]:
        """Yield what is to be run, in the order of the page."""
        found = [*self._visible(document), *self._files(document), *self._set_ups(document)]
        return sorted(found, key=lambda region: region.start)

    def _visible(self, document: Document) -> Iterable[Region]:
        for block in _code_of(document):
            if not any(_comment_before(block, document, each) for each in (_NOT_RUN, _FILE)):
                run = self.runs.get(block.lexemes["language"], _refuse)
                yield Region(block.start, block.end, block.lexemes["source"], run, block.lexemes)

    def _files(self, document: Document) -> Iterable[Region]:
        for block in _FENCES(document):
            if comment := _comment_before(block, document, _FILE):
                lexemes = block.lexemes | {"path": comment["path"]}
                source = block.lexemes["source"]
                yield Region(block.start, block.end, source, self.runs[FILE], lexemes)

    def _set_ups(self, document: Document) -> Iterable[Region]:
        for block in _SET_UP(document):
            source = block.lexemes["source"]
            yield Region(block.start, block.end, source, self.runs["python"], block.lexemes)


def not_run_of(document: Document) -> Iterable[NotRun]:
    """Yield the blocks of a page that are left out."""
    for block in _code_of(document):
        if comment := _comment_before(block, document, _NOT_RUN):
            line = document.text.count("\n", 0, block.start) + 1
            yield NotRun(f"{document.path}:{line}", comment["reason"])


def _code_of(document: Document) -> Iterable[Region]:
    for block in _FENCES(document):
        language = block.lexemes["language"]
        if language not in TEXT and not language.startswith("{"):
            yield block


def _comment_before(
    block: Region, document: Document, wanted: re.Pattern[str]
) -> re.Match[str] | None:
    return wanted.search(document.text, 0, block.start)


def _refuse(example: Example) -> None:
    language = example.region.lexemes["language"]
    raise AssertionError(
        f"Nothing runs {language}. Write <!-- not run: <reason> --> before it, or call it text."
    )
