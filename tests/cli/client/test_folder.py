"""What the command line learns of the folder in which it is called."""

from pathlib import Path

import pytest

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.testing.repositories import Repository
from pushpaka_http.cli.client.folder import LocalFolder, read_folder

pytestmark = pytest.mark.usefixtures("alone")

REPO_URL = "https://example.com/acme/shop"


def _clone(directory: Path) -> Repository:
    """Return a clone of a repository with one commit, which is pushed."""
    upstream = Repository.make(directory / "upstream")
    upstream.commit("Begin", {"index.html": "Hello.", "docs/guide.md": "Read."})
    upstream.git("clone", "--quiet", str(upstream.path), str(directory / "clone"))
    return Repository(directory / "clone")


def _seen(directory: Path) -> LocalFolder:
    folder = read_folder(directory)
    assert folder is not None
    return folder


def test_a_clone_that_is_pushed_and_clean(tmp_path: Path) -> None:
    """Its branch, its commit, its remote, and that the remote has all of it."""
    clone = _clone(tmp_path)
    upstream = str(tmp_path / "upstream")

    folder = _seen(clone.path)

    assert ("main", clone.git("rev-parse", "HEAD"), 0, {"origin": upstream}) == (
        folder.standing.branch,
        folder.standing.commit,
        folder.standing.changes,
        folder.standing.remotes,
    )
    assert ["origin"] == folder.remotes_of(upstream)
    assert folder.is_pushed(upstream, "main")
    assert not folder.is_pushed(upstream, "other")
    assert not folder.is_pushed(REPO_URL, "main")


def test_what_is_not_pushed_and_not_committed_is_told(tmp_path: Path) -> None:
    """Changed, new, renamed and staged files are counted, ignored ones are not."""
    clone = _clone(tmp_path)
    clone.commit("Go on", {".gitignore": "*.log\n", "old name": "1" * 100})
    clone.git("mv", "old name", "new name")
    for name in ("index.html", "new.html", "debug.log"):
        (clone.path / name).write_text("Changed.")

    folder = _seen(clone.path / "docs")

    assert "docs" == folder.inner
    assert 3 == folder.standing.changes
    assert not folder.is_pushed(str(tmp_path / "upstream"), "main")


def test_a_commit_without_a_branch(tmp_path: Path) -> None:
    """As a build of continuous integration checks it out."""
    clone = _clone(tmp_path)
    clone.git("checkout", "--quiet", "--detach")

    folder = _seen(clone.path)

    assert None is folder.standing.branch
    assert folder.is_pushed(str(tmp_path / "upstream"), "main")


def test_a_repository_without_commit_and_remote(tmp_path: Path) -> None:
    """It is as good as none, and no error."""
    repository = Repository.make(tmp_path / "new")

    folder = _seen(repository.path)

    assert ("main", None, {}) == (
        folder.standing.branch,
        folder.standing.commit,
        folder.standing.remotes,
    )


def test_where_git_knows_nothing(tmp_path: Path) -> None:
    """A folder outside of any working tree is none; a broken repository is said to be broken."""
    broken = tmp_path / "broken"
    (broken / ".git").mkdir(parents=True)

    assert None is read_folder(tmp_path)
    with pytest.raises(PlatformFaultError, match="cannot be read: git exited with code 128"):
        read_folder(broken)


def test_nothing_is_started_that_the_repository_names(tmp_path: Path) -> None:
    """A folder that was unpacked from somewhere is only looked at."""
    clone, trace = _clone(tmp_path), tmp_path / "trace"
    clone.git("config", "core.fsmonitor", f"touch {trace}; false")

    _seen(clone.path)

    assert not trace.exists()
