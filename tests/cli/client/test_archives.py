"""What of a folder is sent, once, and that the same folder is the same archive."""

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cli.client.desks import Place
from tests.http.clients import PASSWORD

from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.testing.repositories import Repository
from pushpaka_http.cli.client.archives import Archive, FolderRefusedError, archive_of, folder_of
from pushpaka_http.cli.client.archives import uploaded as send
from pushpaka_http.cli.client.folder_files import files_of
from pushpaka_http.cli.client.output import Output
from pushpaka_http.client import Client

pytestmark = pytest.mark.usefixtures("alone")

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


def fill(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files into a folder, and return it."""
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return folder


def hash_of(folder: Path, limits: SourceLimits | None = None) -> str:
    """Return what the archive of a folder is known by."""
    with archive_of(folder, limits) as archive:
        return archive.sha256


def members(archive: Archive) -> dict[str, tarfile.TarInfo]:
    """Return what is in an archive."""
    archive.file.seek(0)
    with tarfile.open(fileobj=archive.file, mode="r:gz") as tar:
        return {member.name: member for member in tar}


@pytest.mark.parametrize("has_git", [True, False])
def test_what_is_not_ignored_is_sent(tmp_path: Path, has_git: bool) -> None:
    """Tracked or not, as Git itself would have it; its own directory never is."""
    fill(tmp_path, {**IGNORED, **SOURCE, **LEFT})
    if has_git:
        repository = Repository(tmp_path)
        repository.git("init", "--quiet")
        repository.git("add", "index.html")

    with archive_of(tmp_path) as archive:
        assert sorted({**IGNORED, **SOURCE}) == list(members(archive))
        assert sorted({**IGNORED, **SOURCE}) == list(archive.files.paths)


def test_without_git_what_is_installed_is_left_behind(tmp_path: Path) -> None:
    """Even where nobody says so; a .gitignore that says otherwise is heard."""
    files = {f"{name}/x": "" for name in ("a/.git", "node_modules", "a/.venv", "a/__pycache__")}
    fill(tmp_path, {**files, "a/main.py": ""})

    before = files_of(tmp_path)
    fill(tmp_path, {".gitignore": "!node_modules/\n"})

    assert ["a/main.py"] == list(before.paths)
    assert [".gitignore", "a/main.py", "node_modules/x"] == list(files_of(tmp_path).paths)


@pytest.mark.parametrize("has_git", [True, False])
def test_a_line_that_is_no_pattern_is_passed_over(tmp_path: Path, has_git: bool) -> None:
    """As Git does, whatever stands before and after it."""
    lines = ["a.txt", "!", "\\", "[z-a]", "b.txt"]
    fill(tmp_path, {".gitignore": "\n".join(lines), "a.txt": "", "b.txt": "", "c.txt": ""})
    if has_git:
        Repository(tmp_path).git("init", "--quiet")

    assert [".gitignore", "c.txt"] == list(files_of(tmp_path).paths)


def test_the_same_files_are_the_same_archive(tmp_path: Path) -> None:
    """Whenever, wherever and in whatever order they were written; what changes changes it."""
    one = fill(tmp_path / "one", SOURCE)
    other = fill(tmp_path / "other", dict(reversed(SOURCE.items())))
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    (other / "index.html").chmod(0o600)
    first, same = hash_of(one), hash_of(other)

    (other / "index.html").chmod(0o755)
    executable = hash_of(other)
    (other / "keep.log").write_text("changed")

    assert first == same
    assert 3 == len({first, executable, hash_of(other)})


def test_nothing_of_this_machine_is_told(tmp_path: Path) -> None:
    """No owner, no time, no name of the folder."""
    fill(tmp_path, {"main.py": "x", "run.sh": ""})
    (tmp_path / "run.sh").chmod(0o4711)

    with archive_of(tmp_path) as archive:
        member, program = members(archive).values()
        sent = b"".join(archive.pieces())

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
def test_files_of_env_vars_are_left_behind(tmp_path: Path, has_git: bool) -> None:
    """Unless they are under version control; what only shows which there are is sent."""
    secret = {".env": "A=1", "app/.env.local": "A=1"}
    fill(tmp_path, {**secret, ".env.example": "A=", ".env.test": "A=test", "main.py": ""})
    if has_git:
        repository = Repository(tmp_path)
        repository.git("init", "--quiet")
        repository.git("add", ".env.test")

    files = files_of(tmp_path)

    tracked = [".env.test"] if has_git else []
    assert [".env.example", *tracked, "main.py"] == list(files.paths)
    assert sorted({*secret, ".env.test"} - {*tracked}) == list(files.secret)


def test_links_are_sent_where_they_stay_inside(tmp_path: Path) -> None:
    """As links; others are left behind and told."""
    fill(tmp_path / "out", {"secret": "x"})
    folder = fill(tmp_path / "folder", {"lib/tool.js": "x", "a/b/c": "x"})
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

    with archive_of(folder) as archive:
        sent = members(archive)

    assert ["a/b/c", "a/b/up", "gone", "lib/tool.js", "tool"] == list(sent)
    assert ("../../lib", True) == (sent["a/b/up"].linkname, sent["a/b/up"].issym())
    assert ["a/around", "absolute", "outside"] == list(archive.files.leading_out)


def test_submodules_and_what_is_deleted_or_new(tmp_path: Path) -> None:
    """The files are those on the disk, also of repositories inside."""
    inner = Repository.make(tmp_path / "inner")
    inner.commit("Begin", {"inner.txt": "x", ".gitignore": "*.log\n"})
    outer = Repository.make(tmp_path / "outer")
    outer.commit("Begin", {"gone.txt": "x", "stays.txt": "x"})
    allowed = ("-c", "protocol.file.allow=always")
    outer.git(*allowed, "submodule", "--quiet", "add", str(inner.path), "libs/inner")
    fill(outer.path, {"new.txt": "x", "libs/inner/new.txt": "x", "libs/inner/x.log": "x"})
    (outer.path / "gone.txt").unlink()

    whole, part = files_of(outer.path), files_of(outer.path / "libs")

    inside = ["inner/.gitignore", "inner/inner.txt", "inner/new.txt"]
    assert inside == list(part.paths)
    assert [".gitmodules", *(f"libs/{each}" for each in inside), "new.txt", "stays.txt"] == list(
        whole.paths
    )


def test_a_folder_that_cannot_be_sent_says_why(tmp_path: Path) -> None:
    """There is nothing in it, or too much, and then the largest files are named."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(FolderRefusedError, match="nothing to send"):
        hash_of(folder)
    fill(folder, {"small": "x", "large.bin": "y" * 3000, "app/larger.bin": "y" * 5000})

    with pytest.raises(FolderRefusedError, match="3 files, and 2 can be sent"):
        hash_of(folder, SourceLimits(files=2))
    with pytest.raises(FolderRefusedError) as refused:
        hash_of(folder, SourceLimits(total_bytes=8000))

    assert "app/larger.bin (5.0 kB), large.bin (3.0 kB), small (1 B)" in str(refused.value)
    assert "8.0 kB of files is more than can be sent" in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """It would be missing in what is deployed."""
    fill(tmp_path, {"main.py": "x"})
    (tmp_path / "main.py").chmod(0)

    with pytest.raises(FolderRefusedError, match=r"main\.py: Permission denied"):
        hash_of(tmp_path)


@pytest.mark.parametrize("folder", ["/", "~", "~/app/.."])
def test_a_home_or_a_whole_disk_is_not_sent(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is in the wrong folder does not publish all that is there."""
    fill(tmp_path, {"app/main.py": "x"})
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(FolderRefusedError, match="is no project's folder"):
        hash_of(Path(folder).expanduser())


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    """As one that is gone, or another user's."""
    with pytest.raises(FolderRefusedError, match="gone: No such file or directory"):
        hash_of(tmp_path / "gone")


def test_an_archive_is_sent_once(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever asks is told how much that is, what is left behind, and when nothing is sent."""
    fill(tmp_path, {"index.html": "Hello.", ".env": "A=1"})
    account = {"email": "sender@example.com", "name": "Ann", "password": PASSWORD}
    with Client(place.url) as nobody:
        token = nobody.auth.register(**account).token

    with Client(place.url, token=token) as client, archive_of(tmp_path) as archive:
        project = client.projects.create(name="once", repo_url="archive:")
        first = send(client, project, archive, Output())
        told = capsys.readouterr().err
        second = send(client, project, archive, Output())
        kept = client.archives.get(project.id, first)

    assert first == second == kept.sha256
    assert kept.size == archive.size
    assert "Left behind: .env, as env vars belong to the project" in told
    assert "Packed 1 file (6 B) into " in told
    assert "is not sent again" not in told
    assert "It is there already, as nothing has changed" in capsys.readouterr().err


def test_around_a_root_dir_all_is_sent(tmp_path: Path) -> None:
    """As with a commit: the project says where in that it lies; else it is the folder itself."""
    repository = Repository.make(tmp_path / "mono")
    repository.commit("Begin", {"apps/web/index.html": "x", "libs/x": ""})
    inner = repository.path / "apps/web"

    assert repository.path == folder_of("apps/web", inner)
    assert inner == folder_of(None, inner)
    assert inner == folder_of("apps/other", inner)
    assert tmp_path == folder_of("apps/web", tmp_path)
