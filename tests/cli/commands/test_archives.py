"""Tests which files of a folder are archived, and that archives are reproducible."""

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cli.commands.machines import Server
from tests.http.clients import PASSWORD

from pushpaka_core.domain.projects.sources import SourceLimits
from pushpaka_core.testing.repositories import Repository
from pushpaka_http.cli.folder.archives import (
    Archive,
    InvalidFolderError,
    packed_folder,
    upload_root,
)
from pushpaka_http.cli.folder.archives import upload_archive as send
from pushpaka_http.cli.folder.folder_files import source_files
from pushpaka_http.cli.ui.output import Output
from pushpaka_http.client import Client

IGNORED = {
    ".gitignore": "*.log\nbuild/\n!keep.log\n/top.txt\n",
    "app/.gitignore": "!notes.log\nown.txt\n",
}
SOURCE = {
    "index.html": "Hello.",
    "app/main.py": "print()",
    "app/notes.log": "kept by the inner file",
    "keep.log": "kept",
    "sub/top.txt": "not at the top",
    "odd name é\n.txt": "x",
}
LEFT = {
    "debug.log": "",
    "app/debug.log": "",
    "build/out.js": "",
    "app/build/out.js": "",
    "top.txt": "",
    "app/own.txt": "",
}


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files to a folder, and return the folder."""
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return folder


def hash_of(folder: Path, limits: SourceLimits | None = None) -> str:
    """Return the hash of the archive of a folder."""
    with packed_folder(folder, limits) as archive:
        return archive.sha256


def members(archive: Archive) -> dict[str, tarfile.TarInfo]:
    """Return the members of an archive."""
    archive.file.seek(0)
    with tarfile.open(fileobj=archive.file, mode="r:gz") as tar:
        return {member.name: member for member in tar}


@pytest.mark.parametrize("has_git", [True, False])
def test_files_that_are_not_ignored_are_archived(tmp_path: Path, has_git: bool) -> None:
    """The selection is the same with and without Git. The directory .git is never included."""
    write_files(tmp_path, {**IGNORED, **SOURCE, **LEFT})
    if has_git:
        repository = Repository(tmp_path)
        repository.git("init", "--quiet")
        repository.git("add", "index.html")

    with packed_folder(tmp_path) as archive:
        assert sorted({**IGNORED, **SOURCE}) == list(members(archive))
        assert sorted({**IGNORED, **SOURCE}) == list(archive.files.paths)


def test_installed_packages_are_skipped_without_git(tmp_path: Path) -> None:
    """A .gitignore file can include the packages again."""
    files = {f"{name}/x": "" for name in ("a/.git", "node_modules", "a/.venv", "a/__pycache__")}
    write_files(tmp_path, {**files, "a/main.py": ""})

    before = source_files(tmp_path)
    write_files(tmp_path, {".gitignore": "!node_modules/\n"})

    assert ["a/main.py"] == list(before.paths)
    assert [".gitignore", "a/main.py", "node_modules/x"] == list(source_files(tmp_path).paths)


@pytest.mark.parametrize("has_git", [True, False])
def test_a_malformed_pattern_is_ignored(tmp_path: Path, has_git: bool) -> None:
    """Git ignores malformed lines of a .gitignore file, too."""
    lines = ["a.txt", "!", "\\", "[z-a]", "b.txt"]
    write_files(tmp_path, {".gitignore": "\n".join(lines), "a.txt": "", "b.txt": "", "c.txt": ""})
    if has_git:
        Repository(tmp_path).git("init", "--quiet")

    assert [".gitignore", "c.txt"] == list(source_files(tmp_path).paths)


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    """The times and order of files do not change the archive, but their content and modes do."""
    one = write_files(tmp_path / "one", SOURCE)
    other = write_files(tmp_path / "other", dict(reversed(SOURCE.items())))
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    (other / "index.html").chmod(0o600)
    first, same = hash_of(one), hash_of(other)

    (other / "index.html").chmod(0o755)
    executable = hash_of(other)
    (other / "keep.log").write_text("changed")

    assert first == same
    assert 3 == len({first, executable, hash_of(other)})


def test_archive_contains_no_data_of_this_machine(tmp_path: Path) -> None:
    """An archive contains no owner, no time and no folder name."""
    write_files(tmp_path, {"main.py": "x", "run.sh": ""})
    (tmp_path / "run.sh").chmod(0o4711)

    with packed_folder(tmp_path) as archive:
        member, program = members(archive).values()
        sent = b"".join(archive.chunks())

    assert (archive.size, 0o755) == (len(sent), program.mode)
    assert (0, 0, "", "", 0, 0o644) == (
        member.uid,
        member.gid,
        member.uname,
        member.gname,
        member.mtime,
        member.mode,
    )


@pytest.mark.parametrize("has_git", [True, False])
def test_env_files_are_skipped(tmp_path: Path, has_git: bool) -> None:
    """Env files that Git tracks and .env.example are included."""
    secret = {".env": "A=1", "app/.env.local": "A=1"}
    write_files(tmp_path, {**secret, ".env.example": "A=", ".env.test": "A=test", "main.py": ""})
    if has_git:
        repository = Repository(tmp_path)
        repository.git("init", "--quiet")
        repository.git("add", ".env.test")

    files = source_files(tmp_path)

    tracked = [".env.test"] if has_git else []
    assert [".env.example", *tracked, "main.py"] == list(files.paths)
    assert sorted({*secret, ".env.test"} - {*tracked}) == list(files.secret)


def test_links_within_the_folder_are_sent(tmp_path: Path) -> None:
    """Links that point outside the folder are skipped and listed."""
    write_files(tmp_path / "out", {"secret": "x"})
    folder = write_files(tmp_path / "folder", {"lib/tool.js": "x", "a/b/c": "x"})
    for name, target in {
        "tool": "lib/tool.js",
        "a/b/up": "../../lib",
        "gone": "nowhere",
        "absolute": str(folder / "lib"),
        "outside": "../out/secret",
        "a/around": "b/../../lib",
    }.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe")

    with packed_folder(folder) as archive:
        sent = members(archive)

    assert ["a/b/c", "a/b/up", "gone", "lib/tool.js", "tool"] == list(sent)
    assert ("../../lib", True) == (sent["a/b/up"].linkname, sent["a/b/up"].issym())
    assert ["a/around", "absolute", "outside"] == list(archive.files.external_links)


def test_archive_contains_the_files_on_disk(tmp_path: Path) -> None:
    """Submodules and new files are included, deleted files are not."""
    inner = Repository.create(tmp_path / "inner")
    inner.commit("Begin", {"inner.txt": "x", ".gitignore": "*.log\n"})
    outer = Repository.create(tmp_path / "outer")
    outer.commit("Begin", {"gone.txt": "x", "stays.txt": "x"})
    allowed = ("-c", "protocol.file.allow=always")
    outer.git(*allowed, "submodule", "--quiet", "add", str(inner.path), "libs/inner")
    write_files(outer.path, {"new.txt": "x", "libs/inner/new.txt": "x", "libs/inner/x.log": "x"})
    (outer.path / "gone.txt").unlink()

    whole, part = source_files(outer.path), source_files(outer.path / "libs")

    inside = ["inner/.gitignore", "inner/inner.txt", "inner/new.txt"]
    assert inside == list(part.paths)
    assert [".gitmodules", *(f"libs/{each}" for each in inside), "new.txt", "stays.txt"] == list(
        whole.paths
    )


def test_a_folder_that_is_empty_or_too_large_is_refused(tmp_path: Path) -> None:
    """If the files are too large, the error lists the largest ones."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InvalidFolderError, match="no files to upload"):
        hash_of(folder)
    write_files(folder, {"small": "x", "large.bin": "y" * 3000, "app/larger.bin": "y" * 5000})

    with pytest.raises(InvalidFolderError, match="3 files, and the limit is 2"):
        hash_of(folder, SourceLimits(files=2))
    with pytest.raises(InvalidFolderError) as refused:
        hash_of(folder, SourceLimits(total_bytes=8000))

    assert "app/larger.bin (5.0 kB), large.bin (3.0 kB), small (1 B)" in str(refused.value)
    assert "its files can be at most 8.0 kB in total" in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """Without the file, the application would be incomplete."""
    write_files(tmp_path, {"main.py": "x"})
    (tmp_path / "main.py").chmod(0)

    with pytest.raises(InvalidFolderError, match=r"main\.py: Permission denied"):
        hash_of(tmp_path)


@pytest.mark.parametrize("folder", ["/", "~", "~/app/.."])
def test_a_home_directory_or_a_whole_disk_is_refused(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user may have run the command in the wrong folder."""
    write_files(tmp_path, {"app/main.py": "x"})
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(InvalidFolderError, match="cannot be deployed"):
        hash_of(Path(folder).expanduser())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error contains the path and the reason."""
    with pytest.raises(InvalidFolderError, match="gone: No such file or directory"):
        hash_of(tmp_path / "gone")


def test_an_archive_is_uploaded_once(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The messages show what is sent and left out. An unchanged archive is not sent again."""
    write_files(tmp_path, {"index.html": "Hello.", ".env": "A=1"})
    account = {"email": "sender@example.com", "name": "Ann", "password": PASSWORD}
    with Client(server.url) as nobody:
        token = nobody.auth.register(**account).token

    with Client(server.url, token=token) as client, packed_folder(tmp_path) as archive:
        project = client.projects.create(name="once", repo_url="archive:")
        first = send(client, project, archive, Output())
        errors = capsys.readouterr().err
        second = send(client, project, archive, Output())
        kept = client.archives.get(project.id, first)

    assert first == second == kept.sha256
    assert kept.size == archive.size
    assert "Skipped files that may contain secrets: .env." in errors
    assert "Packed 1 file (6 B) into " in errors
    assert "is not uploaded again" not in errors
    assert "so it is not uploaded again" in capsys.readouterr().err


def test_the_folder_above_the_root_directory_is_sent(tmp_path: Path) -> None:
    """The application can use other files of the repository, as in a deployment of a commit."""
    repository = Repository.create(tmp_path / "mono")
    repository.commit("Begin", {"apps/web/index.html": "x", "libs/x": ""})
    inner = repository.path / "apps/web"

    assert repository.path == upload_root("apps/web", inner)
    assert inner == upload_root(None, inner)
    assert inner == upload_root("apps/other", inner)
    assert tmp_path == upload_root("apps/web", tmp_path)
