"""Finds the fenced blocks on a page, and the comments that control them."""

import re
from collections.abc import Callable, Iterable, Mapping

from attrs import frozen
from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

Run = Callable[[Example], None]
TEXT = frozenset({"", "text"})
"""Languages of blocks that are not code."""
_FENCES = RawFencedCodeBlockLexer(re.compile(r"(?P<language>\{?[\w-]*\}?)[^\n]*\n"))
_SET_UP = DirectiveInHTMLCommentLexer("set up in python")
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>\S[^\n]*?) -->\s*\Z")
_FILE = re.compile(r"<!-- file: (?P<path>\S+) -->\s*\Z")
FILE = "file"
"""The key of the function that writes a block to a file."""


@frozen
class SkippedBlock:
    """A block that is not run, and the reason."""

    place: str
    reason: str


@frozen
class Fences:
    """Yields each block of code with the function that runs its language.

    `<!-- not run: <reason> -->` before a block skips it, and `<!-- file: <path> -->` writes it to a
    file. The lines of a comment `<!-- set up in python` are run in place, but readers do not see
    them.
    """

    runs: Mapping[str, Run]

    def __call__(self, document: Document) -> Iterable[Region]:
        """Yield the blocks to run, in the order of the page."""
        found = [
            *self._visible_blocks(document),
            *self._file_blocks(document),
            *self._setup_blocks(document),
        ]
        return sorted(found, key=lambda region: region.start)

    def _visible_blocks(self, document: Document) -> Iterable[Region]:
        for block in _code_blocks(document):
            if not any(_comment_before(block, document, each) for each in (_NOT_RUN, _FILE)):
                run = self.runs.get(block.lexemes["language"], _refuse)
                yield Region(block.start, block.end, block.lexemes["source"], run, block.lexemes)

    def _file_blocks(self, document: Document) -> Iterable[Region]:
        for block in _FENCES(document):
            if comment := _comment_before(block, document, _FILE):
                lexemes = block.lexemes | {"path": comment["path"]}
                source = block.lexemes["source"]
                yield Region(block.start, block.end, source, self.runs[FILE], lexemes)

    def _setup_blocks(self, document: Document) -> Iterable[Region]:
        for block in _SET_UP(document):
            source = block.lexemes["source"]
            yield Region(block.start, block.end, source, self.runs["python"], block.lexemes)


def skipped_blocks(document: Document) -> Iterable[SkippedBlock]:
    """Yield the blocks on a page that are not run."""
    for block in _code_blocks(document):
        if comment := _comment_before(block, document, _NOT_RUN):
            line = document.text.count("\n", 0, block.start) + 1
            yield SkippedBlock(f"{document.path}:{line}", comment["reason"])


def _code_blocks(document: Document) -> Iterable[Region]:
    for block in _FENCES(document):
        language = block.lexemes["language"]
        if language not in TEXT and not language.startswith("{"):
            yield block


def _comment_before(
    block: Region, document: Document, pattern: re.Pattern[str]
) -> re.Match[str] | None:
    return pattern.search(document.text, 0, block.start)


def _refuse(example: Example) -> None:
    language = example.region.lexemes["language"]
    raise AssertionError(
        f"The tests cannot run code blocks in {language}. Write <!-- not run: <reason> --> before "
        "the block, or mark it as text."
    )
