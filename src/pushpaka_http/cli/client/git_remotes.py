"""Which repository a folder was cloned from, read from its own files: no program is started."""

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

_SECTION = re.compile(r'\[remote "(?P<name>[^"]+)"\]')


@frozen(kw_only=True)
class Remote:
    """A repository that a clone knows."""

    name: str
    url: str


def git_root(folder: Path) -> Path | None:
    """Return the folder of the clone that *folder* is in, if it is in one."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def inner_directory(folder: Path) -> str:
    """Return where *folder* lies in its clone; "." is the clone itself, and any other folder."""
    return folder.relative_to(git_root(folder) or folder).as_posix()


def remotes_of(folder: Path) -> list[Remote]:
    """Return what the clone that *folder* is in was cloned from, "origin" first."""
    root = git_root(folder)
    if root is None:
        return []
    try:
        text = (_git_directory(root / ".git") / "config").read_text()
    except (OSError, UnicodeDecodeError):
        return []
    return sorted(_remotes(text), key=lambda remote: remote.name != "origin")


def current_branch(folder: Path) -> str | None:
    """Return the branch that is checked out in *folder*; None where none is."""
    root = git_root(folder)
    if root is None:
        return None
    try:
        head = (_own_directory(root / ".git") / "HEAD").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None


def _own_directory(git: Path) -> Path:
    """Return the directory of Git that is this working tree's: a further one has a file for it."""
    if git.is_dir():
        return git
    return git.parent / git.read_text().strip().removeprefix("gitdir: ")


def _git_directory(git: Path) -> Path:
    """Return the directory of Git that all working trees of a clone share."""
    own = _own_directory(git)
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
