"""Tests how commands read the Git state of their folder."""

from pathlib import Path

import pytest

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.testing.repositories import Repository
from pushpaka_http.cli.folder.working_tree import LocalFolder, read_folder

REPO_URL = "https://example.com/acme/shop"


def _clone(directory: Path) -> Repository:
    """Return a clone of a repository with one commit."""
    upstream = Repository.create(directory / "upstream")
    upstream.commit("Begin", {"index.html": "Hello.", "docs/guide.md": "Read."})
    upstream.git("clone", "--quiet", str(upstream.path), str(directory / "clone"))
    return Repository(directory / "clone")


def _read_folder(directory: Path) -> LocalFolder:
    folder = read_folder(directory)
    assert folder is not None
    return folder


def test_state_of_a_clean_and_pushed_clone(tmp_path: Path) -> None:
    """The folder has a branch, a commit, and a remote that contains the commit."""
    clone = _clone(tmp_path)
    upstream = str(tmp_path / "upstream")

    folder = _read_folder(clone.path)

    assert ("main", clone.git("rev-parse", "HEAD"), 0, {"origin": upstream}) == (
        folder.state.branch,
        folder.state.commit,
        folder.state.changes,
        folder.state.remotes,
    )
    assert ["origin"] == folder.remotes_of(upstream)
    assert folder.is_pushed(upstream, "main")
    assert not folder.is_pushed(upstream, "other")
    assert not folder.is_pushed(REPO_URL, "main")


def test_state_of_a_clone_with_local_changes(tmp_path: Path) -> None:
    """Changed, new and renamed files are counted, ignored files are not."""
    clone = _clone(tmp_path)
    clone.commit("Go on", {".gitignore": "*.log\n", "old name": "1" * 100})
    clone.git("mv", "old name", "new name")
    for name in ("index.html", "new.html", "debug.log"):
        (clone.path / name).write_text("Changed.")

    folder = _read_folder(clone.path / "docs")

    assert "docs" == folder.relative_path
    assert 3 == folder.state.changes
    assert not folder.is_pushed(str(tmp_path / "upstream"), "main")


def test_state_of_a_clone_without_a_branch(tmp_path: Path) -> None:
    """CI systems check out commits without a branch."""
    clone = _clone(tmp_path)
    clone.git("checkout", "--quiet", "--detach")

    folder = _read_folder(clone.path)

    assert None is folder.state.branch
    assert folder.is_pushed(str(tmp_path / "upstream"), "main")


def test_state_of_a_repository_without_commit_and_remote(tmp_path: Path) -> None:
    """The branch is known even before the first commit."""
    repository = Repository.create(tmp_path / "new")

    folder = _read_folder(repository.path)

    assert ("main", None, {}) == (
        folder.state.branch,
        folder.state.commit,
        folder.state.remotes,
    )


def test_state_of_a_folder_outside_a_repository(tmp_path: Path) -> None:
    """Without a repository, there is no state. A broken repository is an error."""
    broken = tmp_path / "broken"
    (broken / ".git").mkdir(parents=True)

    assert None is read_folder(tmp_path)
    with pytest.raises(PlatformFaultError, match="cannot be read: git exited with code 128"):
        read_folder(broken)


def test_programs_in_the_git_configuration_are_not_run(tmp_path: Path) -> None:
    """The folder may come from another person, whose programs must not run."""
    clone, trace = _clone(tmp_path), tmp_path / "trace"
    clone.git("config", "core.fsmonitor", f"touch {trace}; false")

    _read_folder(clone.path)

    assert not trace.exists()
