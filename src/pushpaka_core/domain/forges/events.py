"""What a forge tells of, in words that all forges have in common."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from attrs import field, frozen

from pushpaka_core.domain.path_patterns import PathPatterns
from pushpaka_core.domain.repository_names import check_branch

_SKIPS = re.compile(
    r"\[(?:skip[ -](?:ci|actions|deploy)|(?:ci|actions|deploy)[ -]skip|no[ -]ci)\]"
    r"|^skip-checks:[ ]*true[ ]*$",
    re.IGNORECASE | re.MULTILINE,
)

_MOST_WORK = 10**9
"""Characters of paths times those of patterns, which take half a second."""


@frozen(kw_only=True)
class BranchPushed:
    """A branch has a new newest commit."""

    branch: str
    commit_sha: str
    message: str = field(default="", repr=False)
    """That of the newest commit; empty where the forge does not tell it."""
    paths: frozenset[str] | None = None
    """The files that were changed; None where the forge does not tell all of them."""


@frozen(kw_only=True)
class BranchDeleted:
    """A branch is gone."""

    branch: str


@frozen(kw_only=True)
class ProposalPushed:
    """A pull request was opened, or has a new newest commit."""

    number: int
    branch: str
    """Its own, of the repository or of a fork."""
    commit_sha: str
    message: str = field(default="", repr=False)
    is_of_fork: bool
    is_opened: bool
    """Whether it was opened, or opened again: later commits of a branch of ours are pushed too."""


@frozen(kw_only=True)
class ProposalClosed:
    """A pull request was merged or turned down."""

    number: int
    branch: str
    is_of_fork: bool


@frozen(kw_only=True)
class Ignored:
    """Something of which nothing follows."""

    reason: str
    """A sentence for whoever looks at the deliveries."""


ForgeEvent: TypeAlias = BranchPushed | BranchDeleted | ProposalPushed | ProposalClosed | Ignored

PING = Ignored(reason="The webhook works.")
TAG = Ignored(reason="Tags are not deployed.")


def asks_to_be_skipped(message: str) -> bool:
    """Tell whether the author of a commit wants nothing to be deployed, as by "[skip ci]"."""
    return _SKIPS.search(message) is not None


def unknown(event: str) -> Ignored:
    """Return what comes of an *event* that means nothing here."""
    return Ignored(reason=f"Nothing follows from {event[:64] or 'an event without a name'}.")


def usable(event: ForgeEvent) -> ForgeEvent:
    """Return *event* where its branch is one that can be deployed."""
    if isinstance(event, Ignored):
        return event
    try:
        check_branch(event.branch)
    except ValueError as error:
        return Ignored(reason=f"The branch cannot be deployed: its name {error}.")
    return event


def is_watched(paths: Collection[str], patterns: Sequence[str]) -> bool:
    """
    Tell whether one of *patterns* is about one of *paths*, or there are none.

    `*` and `?` stay in a directory, `**` does not, and a directory stands for all below it.
    What would take long to tell is watched.
    """
    if not patterns or _length(paths) * (_length(patterns) + 1_000) > _MOST_WORK:
        return True
    watched = PathPatterns.of(pattern.removesuffix("/") for pattern in patterns)
    return any(map(watched.cover, paths))


def _length(texts: Iterable[str]) -> int:
    return sum(map(len, texts))
