"""What a repository may hold to harm whoever fetches, looks at and builds it."""

import stat
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest
from anyio import to_thread
from tests.security.scenes import Scene

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.failures import unknown_branch
from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

_LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 99\n"


@pytest.fixture
def repository(data: Path) -> Repository:
    made = Repository.make(data / "repository")
    made.commit("one", {"index.html": "x"})
    return made


@pytest.fixture
def source(processes: HostProcesses, data: Path) -> GitSource:
    policy = SourcePolicy(local_repo_root=PurePosixPath(data))
    return GitSource(processes=processes, policy=policy, binary=find_git())


async def fetched(source: GitSource, repository: Repository, data: Path) -> Checkout:
    request = SourceRequest(repo_url=str(repository.path), branch="main")
    timeout = timedelta(seconds=20)
    return await source.fetch(request, data / "out", timeout=timeout, report=_ignore)


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/post-checkout", ".GIT/config", ".git", "a/.git/config", "..", "../x",
        "a/../../x", ".", "git~1/config", ".g\u200cit/config", ".git ./config", "",
    ],
)  # fmt: skip
async def test_a_tree_with_names_that_are_none_is_refused(
    source: GitSource, repository: Repository, data: Path, path: str
) -> None:
    """Nothing of it is written, neither beside the checkout nor into git's own files."""
    await to_thread.run_sync(_plant, repository, path)

    with pytest.raises(SourceError):
        await fetched(source, repository, data)

    assert not (data / "out").exists()
    assert _names_below(data).isdisjoint({"out", "out.git", "post-checkout", "x"})


@pytest.mark.parametrize(
    "url", ["-u./canary", "--upload-pack=touch canary", "ext::touch canary", "file:///etc", "../x"]
)
@pytest.mark.parametrize("name", ["sub", "../../canary", "sub\r"])
async def test_submodules_are_left_out(
    source: GitSource, repository: Repository, data: Path, name: str, url: str
) -> None:
    """Neither their addresses nor their names are used, if git takes such a tree at all."""
    modules = f'[submodule "{name}"]\n\tpath = sub\n\turl = {url}\n'
    (repository.path / ".gitmodules").write_text(modules)
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    (repository.path / "sub").mkdir()
    repository.commit("sub")

    try:
        await fetched(source, repository, data)
    except SourceError:
        assert not (data / "out").exists()
    else:
        assert set() == _names_below(data / "out/sub")
    assert "canary" not in _names_below(data)


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
    source: GitSource, repository: Repository, data: Path, attributes: str
) -> None:
    """Filters, drivers and downloads of large files stay words; a pointer stays a pointer."""
    pointer = _LFS.format("0" * 64)
    for way in ("smudge", "clean", "process"):
        repository.git("config", f"filter.evil.{way}", f"touch {data}/canary; cat")
    repository.commit("evil", {"a.txt": pointer})
    repository.commit("attributes", {".gitattributes": attributes, "-rf": "", "sub/x": ""})
    (data / "canary").unlink(missing_ok=True)

    await fetched(source, repository, data)

    assert pointer == (data / "out/a.txt").read_text()
    assert not (data / "canary").exists()


async def test_hooks_and_settings_of_a_repository_are_not_heeded(
    source: GitSource, repository: Repository, data: Path
) -> None:
    """Not even of one that is fetched from this host."""
    canary = data / "canary"
    for name in ("post-checkout", "pre-auto-gc", "reference-transaction", "post-index-change"):
        hook = repository.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
        hook.chmod(stat.S_IRWXU)
    repository.git("config", "core.fsmonitor", f"touch {canary}")
    repository.git("config", "core.sshCommand", f"touch {canary}")
    repository.git("config", "uploadpack.packObjectsHook", f"touch {canary};")

    await fetched(source, repository, data)

    assert not canary.exists()


async def test_names_that_differ_by_case_alone_are_two_files(
    source: GitSource, repository: Repository, data: Path
) -> None:
    """And a link beside them leads no file elsewhere."""
    (repository.path / "A").symlink_to("/etc")
    repository.commit("two", {"a/passwd": "ours", "README": "1", "readme": "2"})

    await fetched(source, repository, data)

    assert "ours" == (data / "out/a/passwd").read_text()
    assert (data / "out/A").is_symlink()
    assert ("1", "2") == tuple((data / f"out/{name}").read_text() for name in ("README", "readme"))


@pytest.mark.parametrize(
    "make",
    [
        lambda repository: repository.git("branch", "a;id>canary"),
        lambda repository: repository.git("update-ref", "refs/heads/-x", "HEAD"),
        lambda repository: repository.git("update-ref", "refs/heads/main.lock.x", "HEAD"),
        lambda repository: repository.git("symbolic-ref", "refs/heads/loop", "refs/heads/loop2"),
        lambda repository: repository.git("tag", "main"),
        lambda repository: repository.git("replace", "HEAD", repository.git("hash-object", "-t",
            "commit", "-w", "--stdin", stdin=_commit(repository))),
        lambda repository: repository.git("notes", "add", "-m", "x"),
    ],
    ids=["shell", "option", "lock", "loop", "tag", "replaced", "notes"],
)  # fmt: skip
async def test_odd_refs_beside_the_branch_change_nothing(
    source: GitSource, repository: Repository, data: Path, make: Callable[[Repository], str]
) -> None:
    """The newest commit of the branch is taken, whatever else the server names."""
    sha = repository.git("rev-parse", "HEAD")
    make(repository)

    checkout = await fetched(source, repository, data)

    assert (sha, "x") == (checkout.commit_sha, (data / "out/index.html").read_text())


async def test_words_of_a_commit_are_harmless_to_whoever_reads_them(
    source: GitSource, repository: Repository, data: Path
) -> None:
    """Nothing in them moves a cursor, turns text round, or goes on without end."""
    person = "A\x1b[2J\u202eda <a@example.org>"
    message = f"one\x1b]0;x\x07\u202e\0{'x' * 100_000}".replace("\0", "\x01")
    repository.git("commit", "--allow-empty", f"--author={person}", "-m", message[:100_000])

    checkout = await fetched(source, repository, data)

    words = checkout.commit_message + checkout.commit_author
    assert not set(words) & set("\x1b\x07\x01\u202e")
    assert len(words) < 3000


async def test_directories_without_end_are_not_checked_out(
    source: GitSource, repository: Repository, data: Path
) -> None:
    """What no tool could remove again is refused before it is on the disk."""
    await to_thread.run_sync(_nest, repository)

    with pytest.raises(SourceError, match="its directories are nested more than 200 deep"):
        await fetched(source, repository, data)

    assert not (data / "out").exists()


def test_a_branch_is_missed_quickly_among_any_number() -> None:
    """A server that names a hundred thousand branches holds nobody up."""
    branches = [f"feature/one-of-very-many-{number:06}" for number in range(100_000)]
    began = time.process_time()

    error = unknown_branch("feature/one-of-very-many-x", branches)

    assert "and 99995 more" in str(error)
    assert time.process_time() - began < 0.5


async def test_files_that_are_links_are_no_files(scene: Scene) -> None:
    """What they lead to is neither understood nor shown."""
    project = await scene.project("links", root_dir="links")

    ended = await scene.served.deploy(scene.api, project)

    said = "\n".join(await scene.log(ended))
    assert ("failed", True) == (ended["status"], "Nothing that can be deployed" in ended["error"])
    assert not any(word in said + ended["error"] for word in ("root:", "/bin/sh", "PATH="))


def _names_below(directory: Path) -> set[str]:
    return {path.name for path in directory.rglob("*")}


def _plant(repository: Repository, path: str) -> None:
    """Commit a file at *path*, of which git itself would make no tree."""
    *directories, name = path.split("/")
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x")
    entry, kind = bytes.fromhex(blob), b"100644"
    for part in (name, *reversed(directories)):
        tree = kind + b" " + part.encode() + b"\0" + entry
        how = ("hash-object", "-t", "tree", "-w", "--literally", "--stdin")
        entry, kind = bytes.fromhex(repository.git(*how, stdin=tree)), b"40000"
    commit = repository.git("commit-tree", entry.hex(), "-m", "planted")
    repository.git("update-ref", "refs/heads/main", commit)


def _nest(repository: Repository) -> None:
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


def _commit(repository: Repository) -> bytes:
    tree = repository.git("mktree")
    return f"tree {tree}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n".encode()


async def _ignore(_: str) -> None:
    """Take what nobody wants to know."""
