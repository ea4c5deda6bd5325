"""
Reads the remotes and the branch of a Git clone from its files.

Running git instead would delay every command in a folder that is not linked to a project, and fail
if git is not installed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.git.working_trees import WorkingTree

_SECTION = re.compile(r'\[remote "(?P<name>[^"]+)"\]')


@frozen(kw_only=True)
class Remote:
    """A remote of a Git clone."""

    name: str
    url: str


def path_in_clone(folder: Path) -> str:
    """
    Return the path of *folder* relative to the root of its clone. The path is "." if *folder* is
    the root or not in a clone.
    """
    tree = WorkingTree.find_containing(folder)
    return (tree.relative_path(folder) if tree else "") or "."


def remotes_of(folder: Path) -> list[Remote]:
    """Return the remotes of the clone that contains *folder*, "origin" first."""
    tree = WorkingTree.find_containing(folder)
    if tree is None:
        return []
    try:
        text = (_common_directory(tree.root / ".git") / "config").read_text()
    except (OSError, UnicodeDecodeError):
        return []
    return sorted(_remotes(text), key=lambda remote: remote.name != "origin")


def current_branch(folder: Path) -> str | None:
    """Return the branch that is checked out in *folder*, or None if there is none."""
    tree = WorkingTree.find_containing(folder)
    if tree is None:
        return None
    try:
        head = (_git_directory(tree.root / ".git") / "HEAD").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None


def _git_directory(dot_git: Path) -> Path:
    """
    Return the Git directory of this working tree.

    In a linked working tree, `.git` is a file that contains the path of this directory.
    """
    if dot_git.is_dir():
        return dot_git
    return dot_git.parent / dot_git.read_text().strip().removeprefix("gitdir: ")


def _common_directory(dot_git: Path) -> Path:
    """Return the Git directory that all working trees of a clone share."""
    own = _git_directory(dot_git)
    common = own / "commondir"
    return own / common.read_text().strip() if common.exists() else own


def _remotes(config: str) -> Iterator[Remote]:
    name = None
    for line in map(str.strip, config.splitlines()):
        if line.startswith("["):
            section = _SECTION.match(line)
            name = section["name"] if section else None
        key, _, value = (part.strip() for part in line.partition("="))
        if name is not None and key == "url":
            yield Remote(name=name, url=value.strip('"'))
