"""Webhook events in a form that is common to all Git providers and registries."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from attrs import field, frozen

from pushpaka_core.domain.projects.path_patterns import PathPatterns
from pushpaka_core.domain.projects.repository_urls import check_branch

_SKIP_MARKERS = re.compile(
    r"\[(?:skip[ -](?:ci|actions|deploy)|(?:ci|actions|deploy)[ -]skip|no[ -]ci)\]"
    r"|^skip-checks:[ ]*true[ ]*$",
    re.IGNORECASE | re.MULTILINE,
)

_MAX_COMPARISONS = 10**9
"""
The limit for the total length of the paths multiplied by the total length of the patterns. At this
limit, matching takes half a second.
"""


@frozen(kw_only=True)
class BranchPushed:
    """A push to a branch."""

    branch: str
    commit_sha: str
    message: str = field(default="", repr=False)
    """The message of the newest commit. Empty if the payload does not contain it."""
    paths: frozenset[str] | None = None
    """The changed files, or None if the payload does not list all of them."""


@frozen(kw_only=True)
class BranchDeleted:
    """A branch was deleted."""

    branch: str


@frozen(kw_only=True)
class PullRequestUpdated:
    """A pull request was opened or has new commits."""

    number: int
    branch: str
    """The source branch, in the repository or in a fork."""
    commit_sha: str
    message: str = field(default="", repr=False)
    is_from_fork: bool
    is_opened: bool
    """
    Whether the pull request was opened or reopened.

    New commits on a branch of the repository itself are also reported as pushes.
    """


@frozen(kw_only=True)
class PullRequestClosed:
    """A pull request was merged or closed."""

    number: int
    branch: str
    is_from_fork: bool


@frozen(kw_only=True)
class ImagePushed:
    """An image was pushed to a registry."""

    repository: str
    """The path of the repository in the registry, for example "acme/shop"."""
    tag: str
    digest: str | None = None
    """The digest of the image, or None if the payload does not contain it."""


@frozen(kw_only=True)
class IgnoredEvent:
    """An event that has no effect."""

    reason: str
    """Why the event is ignored: a sentence that the sender shows in its list of deliveries."""


ProviderEvent: TypeAlias = (
    BranchPushed
    | BranchDeleted
    | PullRequestUpdated
    | PullRequestClosed
    | ImagePushed
    | IgnoredEvent
)

PING = IgnoredEvent(reason="The webhook works.")
TAG = IgnoredEvent(reason="Tags are not deployed.")


def has_skip_marker(message: str) -> bool:
    """Return True if a commit message contains a marker such as "[skip ci]"."""
    return _SKIP_MARKERS.search(message) is not None


def unsupported_event(event: str) -> IgnoredEvent:
    """Return the result for an unsupported *event*."""
    return IgnoredEvent(reason=f"Events of type {event[:64] or 'unknown'} are ignored.")


def with_valid_branch(event: ProviderEvent) -> ProviderEvent:
    """Return *event*, or an ignored event if its branch name is not valid for deployments."""
    if isinstance(event, ImagePushed | IgnoredEvent):
        return event
    try:
        check_branch(event.branch)
    except ValueError as error:
        return IgnoredEvent(reason=f"The branch cannot be deployed: its name {error}.")
    return event


def is_watched(paths: Collection[str], patterns: Sequence[str]) -> bool:
    """
    Return True if one of *paths* matches one of *patterns*, or if there are no patterns.

    `*` and `?` match within a directory, `**` matches across directories, and a directory includes
    everything below it. Return True also if matching would take too long.
    """
    if not patterns or _length(paths) * (_length(patterns) + 1_000) > _MAX_COMPARISONS:
        return True
    watched = PathPatterns.of(pattern.removesuffix("/") for pattern in patterns)
    return any(map(watched.matches_directory_of, paths))


def _length(texts: Iterable[str]) -> int:
    return sum(map(len, texts))
