"""Tests which files of a checkout detection reads."""

import os
from pathlib import Path

import pytest

from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.errors import SourceError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    directory = tmp_path / "checkout"
    (directory / "app" / "inner").mkdir(parents=True)
    (directory / "app" / "main.py").write_text("print(1)")
    (directory / "app" / "inner" / "a.txt").write_text("a")
    (tmp_path / "secret").write_text("secret")
    return directory


def test_regular_files_are_listed_and_read(checkout: Path) -> None:
    """Paths are relative to the root of the repository."""
    tree = load_tree(checkout, "./app/")

    assert ["app/inner/a.txt", "app/main.py"] == list(tree.paths())
    assert "print(1)" == tree.read("app/main.py")
    assert tree.exists("app/inner/a.txt")
    assert not tree.exists("app/inner")
    assert tree.read("absent") is None


def test_symbolic_links_are_ignored(checkout: Path) -> None:
    """Links within the repository are ignored, too."""
    (checkout / "main.py").symlink_to("/etc/passwd")
    (checkout / "inside.py").symlink_to("app/main.py")
    (checkout / "linked").symlink_to("app")

    tree = load_tree(checkout, ".")

    assert ["app/inner/a.txt", "app/main.py"] == list(tree.paths())
    assert tree.read("main.py") is None
    assert tree.read("linked/main.py") is None


def test_file_that_became_a_link_is_not_read(checkout: Path) -> None:
    tree = load_tree(checkout, ".")
    (checkout / "app" / "main.py").unlink()
    (checkout / "app" / "main.py").symlink_to("../../secret")
    (checkout / "app" / "inner").rename(checkout / "moved")
    (checkout / "app" / "inner").symlink_to("../moved")

    assert tree.read("app/main.py") is None
    assert tree.read("app/inner/a.txt") is None


def test_pipes_and_large_files_are_not_read(checkout: Path) -> None:
    os.mkfifo(checkout / "pipe.py")
    (checkout / "large.py").write_bytes(b"#" * (1024 * 1024 + 1))

    tree = load_tree(checkout, "")

    assert not tree.exists("pipe.py")
    assert tree.exists("large.py")
    assert tree.read("large.py") is None


def test_git_directory_is_not_listed(checkout: Path) -> None:
    (checkout / ".git").mkdir()
    (checkout / ".git" / "config").write_text("")

    assert not load_tree(checkout, ".").exists(".git/config")


def test_unprintable_names_are_skipped(checkout: Path) -> None:
    """Names with control characters or invalid encodings are skipped."""
    Path(os.fsdecode(os.fsencode(checkout) + b"/\xff.py")).write_text("")
    (checkout / "a\nb.py").write_text("")
    (checkout / "größe.py").write_text("")

    tree = load_tree(checkout, ".")

    assert ["app/inner/a.txt", "app/main.py", "größe.py"] == list(tree.paths())


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("flask\n".encode("utf-16"), "flask\n"),
        (b"\xef\xbb\xbfflask", "flask"),
        (b"caf\xe9", "caf\ufffd"),
    ],
)
def test_unusual_encodings_are_decoded(checkout: Path, content: bytes, text: str) -> None:
    """Byte order marks are removed, and invalid bytes are replaced."""
    (checkout / "requirements.txt").write_bytes(content)

    assert text == load_tree(checkout, ".").read("requirements.txt")


@pytest.mark.parametrize("root_dir", ["..", "app/../..", "/etc", "a\0b"])
def test_root_directory_outside_the_repository_is_refused(checkout: Path, root_dir: str) -> None:
    with pytest.raises(SourceError, match="outside the repository"):
        load_tree(checkout, root_dir)


@pytest.mark.parametrize("root_dir", ["link", "link/inner", "root", "root/etc"])
def test_root_directory_behind_a_link_is_refused(checkout: Path, root_dir: str) -> None:
    """A link in the middle of the path is refused, too."""
    (checkout / "link").symlink_to("app")
    (checkout / "root").symlink_to("/")

    with pytest.raises(SourceError, match="outside the repository"):
        load_tree(checkout, root_dir)


@pytest.mark.parametrize(
    ("root_dir", "message"),
    [
        ("missing", "'missing' does not exist in the repository"),
        ("app/missing", "'app/missing' does not exist in the repository"),
        ("app/main.py", "'app/main.py' is a file"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_root_directory_that_is_not_a_directory_is_reported(
    checkout: Path, root_dir: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        load_tree(checkout, root_dir)


def test_deep_directories_are_skipped(checkout: Path) -> None:
    deep = checkout.joinpath(*(["d"] * 100))
    deep.mkdir(parents=True)
    (deep / "main.py").write_text("")

    assert ["app/inner/a.txt", "app/main.py"] == list(load_tree(checkout, ".").paths())


def test_too_many_files_are_reported(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushpaka_core.adapters.files.tree._MAX_ENTRIES", 3)

    with pytest.raises(SourceError, match="contains more than 3 files"):
        load_tree(checkout, ".")
