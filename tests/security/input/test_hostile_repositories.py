"""Hostile repositories are refused, or do no harm."""

import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest
from anyio import to_thread
from tests.security.served_fixture import ServedFixture

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.git_errors import unknown_branch_error
from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.projects.sources import SourcePolicy
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

_LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 99\n"


@pytest.fixture
def repository(data_directory: Path) -> Repository:
    made = Repository.create(data_directory / "repository")
    made.commit("one", {"index.html": "x"})
    return made


@pytest.fixture
def source(process_manager: HostProcesses, data_directory: Path) -> GitSource:
    policy = SourcePolicy(local_repo_root=PurePosixPath(data_directory))
    return GitSource(process_manager=process_manager, policy=policy, binary=find_git())


async def fetch(source: GitSource, repository: Repository, data_directory: Path) -> Checkout:
    request = SourceRequest(repo_url=str(repository.path), branch="main")
    timeout = timedelta(seconds=20)
    return await source.fetch(request, data_directory / "out", timeout=timeout, on_progress=_ignore)


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/post-checkout", ".GIT/config", ".git", "a/.git/config", "..", "../x",
        "a/../../x", ".", "git~1/config", ".g\u200cit/config", ".git ./config", "",
    ],
)  # fmt: skip
async def test_a_tree_with_invalid_names_is_refused(
    source: GitSource, repository: Repository, data_directory: Path, path: str
) -> None:
    """Fetching such a tree fails before any of its files is written."""
    await to_thread.run_sync(_plant, repository, path)

    with pytest.raises(SourceError):
        await fetch(source, repository, data_directory)

    assert not (data_directory / "out").exists()
    assert _names_below(data_directory).isdisjoint({"out", "out.git", "post-checkout", "x"})


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("sub", "-u./canary"),
        ("sub", "--upload-pack=touch canary"),
        ("sub", "ext::touch canary"),
        ("sub", "file:///etc"),
        ("../../canary", "../x"),
        ("sub\r", "../x"),
    ],
)
async def test_submodules_are_ignored(
    source: GitSource, repository: Repository, data_directory: Path, name: str, url: str
) -> None:
    modules = f'[submodule "{name}"]\n\tpath = sub\n\turl = {url}\n'
    (repository.path / ".gitmodules").write_text(modules)
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    (repository.path / "sub").mkdir()
    repository.commit("sub")

    try:
        await fetch(source, repository, data_directory)
    except SourceError:
        assert not (data_directory / "out").exists()
    else:
        assert set() == _names_below(data_directory / "out/sub")
    assert "canary" not in _names_below(data_directory)


@pytest.mark.parametrize(
    "attributes",
    [
        "*.txt filter=evil", "*.txt filter=lfs diff=lfs merge=lfs -text", "* ident export-subst",
        "* diff=evil merge=evil",
        "[attr]x filter=evil\n*.txt x",
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
async def test_attributes_start_no_program(
    source: GitSource, repository: Repository, data_directory: Path, attributes: str
) -> None:
    pointer = _LFS.format("0" * 64)
    for way in ("smudge", "clean", "process"):
        repository.git("config", f"filter.evil.{way}", f"touch {data_directory}/canary; cat")
    repository.commit("evil", {"a.txt": pointer})
    repository.commit("attributes", {".gitattributes": attributes, "-rf": "", "sub/x": ""})
    (data_directory / "canary").unlink(missing_ok=True)

    await fetch(source, repository, data_directory)

    assert pointer == (data_directory / "out/a.txt").read_text()
    assert not (data_directory / "canary").exists()


async def test_hooks_and_settings_of_a_repository_are_ignored(
    source: GitSource, repository: Repository, data_directory: Path
) -> None:
    """Not even the hooks and settings of a repository on this host start a program."""
    canary = data_directory / "canary"
    for name in ("post-checkout", "pre-auto-gc", "reference-transaction", "post-index-change"):
        hook = repository.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
        hook.chmod(stat.S_IRWXU)
    repository.git("config", "core.fsmonitor", f"touch {canary}")
    repository.git("config", "core.sshCommand", f"touch {canary}")
    repository.git("config", "uploadpack.packObjectsHook", f"touch {canary};")

    await fetch(source, repository, data_directory)

    assert not canary.exists()


async def test_names_that_differ_by_case_are_two_files(
    source: GitSource, repository: Repository, data_directory: Path
) -> None:
    (repository.path / "A").symlink_to("/etc")
    repository.commit("two", {"a/passwd": "ours", "README": "1", "readme": "2"})

    await fetch(source, repository, data_directory)

    assert "ours" == (data_directory / "out/a/passwd").read_text()
    assert (data_directory / "out/A").is_symlink()
    assert ("1", "2") == tuple(
        (data_directory / f"out/{name}").read_text() for name in ("README", "readme")
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda repository: repository.git("branch", "a;id>canary"),
        lambda repository: repository.git("update-ref", "refs/heads/-x", "HEAD"),
        lambda repository: repository.git("update-ref", "refs/heads/main.lock.x", "HEAD"),
        lambda repository: repository.git("symbolic-ref", "refs/heads/loop", "refs/heads/loop2"),
        lambda repository: repository.git("tag", "main"),
        lambda repository: repository.git("replace", "HEAD", repository.git("hash-object", "-t",
            "commit", "-w", "--stdin", stdin=_commit_object(repository))),
        lambda repository: repository.git("notes", "add", "-m", "x"),
    ],
    ids=["shell", "option", "lock", "loop", "tag", "replaced", "notes"],
)  # fmt: skip
async def test_other_refs_change_nothing(
    source: GitSource,
    repository: Repository,
    data_directory: Path,
    make: Callable[[Repository], str],
) -> None:
    sha = repository.git("rev-parse", "HEAD")
    make(repository)

    checkout = await fetch(source, repository, data_directory)

    assert (sha, "x") == (checkout.commit_sha, (data_directory / "out/index.html").read_text())


async def test_commit_messages_are_short_and_printable(
    source: GitSource, repository: Repository, data_directory: Path
) -> None:
    person = "A\x1b[2J\u202eda <a@example.org>"
    message = f"one\x1b]0;x\x07\u202e\0{'x' * 100_000}".replace("\0", "\x01")
    repository.git("commit", "--allow-empty", f"--author={person}", "-m", message[:100_000])

    checkout = await fetch(source, repository, data_directory)

    words = checkout.commit_message + checkout.commit_author
    assert not set(words) & set("\x1b\x07\x01\u202e")
    assert len(words) < 3000


async def test_deeply_nested_directories_are_not_checked_out(
    source: GitSource, repository: Repository, data_directory: Path
) -> None:
    await to_thread.run_sync(_commit_nested_directories, repository)

    with pytest.raises(SourceError, match="its directories are nested more than 200 levels deep"):
        await fetch(source, repository, data_directory)

    assert not (data_directory / "out").exists()


def test_only_the_first_branches_are_compared_with_a_missing_one() -> None:
    branches = [f"feature/one-of-very-many-{number:06}" for number in range(100_000)]
    nearest = "feature/one-of-very-many-xx"

    among_the_first, the_last = (
        str(unknown_branch_error("feature/one-of-very-many-x", names))
        for names in ([nearest, *branches], [*branches, nearest])
    )

    assert nearest in among_the_first
    assert nearest not in the_last
    assert "and 99996 more" in the_last


@pytest.mark.suite("integration")
async def test_linked_manifests_are_not_read(served_fixture: ServedFixture) -> None:
    project = await served_fixture.project("links", root_dir="links")

    ended = await served_fixture.served_instance.deploy(served_fixture.api, project)

    text = "\n".join(await served_fixture.log(ended))
    assert ("failed", True) == (ended["status"], "Could not detect how" in ended["error"])
    assert not any(word in text + ended["error"] for word in ("root:", "/bin/sh", "PATH="))


def _names_below(directory: Path) -> set[str]:
    return {path.name for path in directory.rglob("*")}


def _plant(repository: Repository, path: str) -> None:
    """Commit a file at *path*, even if git itself would refuse that path."""
    *directories, name = path.split("/")
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x")
    entry, kind = bytes.fromhex(blob), b"100644"
    for part in (name, *reversed(directories)):
        tree = kind + b" " + part.encode() + b"\0" + entry
        how = ("hash-object", "-t", "tree", "-w", "--literally", "--stdin")
        entry, kind = bytes.fromhex(repository.git(*how, stdin=tree)), b"40000"
    commit = repository.git("commit-tree", entry.hex(), "-m", "planted")
    repository.git("update-ref", "refs/heads/main", commit)


def _commit_nested_directories(repository: Repository) -> None:
    path = "d/" * 250 + "x"
    stream = f"""commit refs/heads/main
committer Ada <ada@example.org> 0 +0000
data 3
one
M 100644 inline {path}
data 1
x
"""
    repository.git("fast-import", "--quiet", "--force", stdin=stream.encode())


def _commit_object(repository: Repository) -> bytes:
    tree = repository.git("mktree")
    return f"tree {tree}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n".encode()


async def _ignore(_: str) -> None:
    """Ignore the message."""
