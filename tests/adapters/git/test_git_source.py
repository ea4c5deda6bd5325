"""Tests fetching commits from real servers."""

import base64
import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from hashlib import sha1
from ipaddress import ip_address, ip_network
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import anyio
import pytest
from attrs import evolve

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.domain.projects.sources import SourcePolicy
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.git_server import TOKEN, GitServer, open_git_server
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

GIT = find_git()
SECONDS = timedelta(seconds=30)


async def fetch(
    source: GitSource,
    url: str,
    directory: Path,
    *,
    timeout: timedelta = SECONDS,
    messages: list[str] | None = None,
    **fields: Any,
) -> Checkout:
    """Fetch the branch main of *url*. *fields* override the fields of the request."""

    async def report(sentence: str) -> None:
        if messages is not None:
            messages.append(sentence)

    request = SourceRequest(**{"repo_url": url, "branch": "main", **fields})
    return await source.fetch(request, directory, timeout=timeout, on_progress=report)


async def fetch_error(source: GitSource, url: str, directory: Path, **fields: Any) -> str:
    """Require that a fetch fails without leftover files, and return the error message."""
    before = sorted(directory.parent.iterdir())
    with pytest.raises(SourceError) as caught:
        await fetch(source, url, directory, **fields)
    assert before == sorted(directory.parent.iterdir())
    return str(caught.value)


HTTP = ["http", "dumb http", "old http"]
"""Kinds of HTTP servers. Local paths are covered by the contract tests of the port."""


@pytest.fixture(params=HTTP)
def url(request: pytest.FixtureRequest, repository: Repository, git_server: GitServer) -> str:
    if request.param == "path":
        return str(repository.path)
    repository.git("config", "uploadpack.allowFilter", "true")
    git_server.is_static = request.param == "dumb http"
    git_server.lacks_protocol_v2 = request.param == "old http"
    return git_server.url


@pytest.mark.suite("integration")
async def test_commits_of_a_branch_are_checked_out(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """The newest commit, or an older one given by a hash prefix, is checked out without history."""
    old = repository.commit("one", {"old.txt": "old"})
    repository.git("rm", "--quiet", "old.txt")
    new = repository.commit("Sell shoes\n\nAnd socks.", {"app/main.py": "print()"})
    repository.git("update-server-info")

    newest = await fetch(source, url, tmp_path / "new")
    by_start = await fetch(source, url, tmp_path / "start", commit_sha=old[:7])

    assert newest == Checkout(
        commit_sha=new,
        commit_message="Sell shoes\n\nAnd socks.",
        commit_author="Ada Lovelace",
        directory=tmp_path / "new",
    )
    files = [path for path in (tmp_path / "new").rglob("*") if path.is_file()]
    assert [tmp_path / "new/app/main.py"] == files
    assert not (tmp_path / "new.git").exists()
    assert old == by_start.commit_sha
    assert "old" == (tmp_path / "start/old.txt").read_text()


@pytest.mark.suite("integration")
@pytest.mark.parametrize("url", ["http", "dumb http"], indirect=True)
async def test_unknown_commits_and_branches_are_refused(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """Short hashes are looked up on the branch only, and a tag is not a branch."""
    repository.commit("one", {"a": "1"})
    repository.git("checkout", "--quiet", "-b", "other")
    of_another_branch = repository.commit("two", {"a": "2"})
    repository.git("tag", "mian")
    for number in range(5):
        repository.git("branch", f"b{number}")
    repository.git("update-server-info")

    for sha in ("f" * 40, of_another_branch[:10]):
        message = await fetch_error(source, url, tmp_path / "out", commit_sha=sha)
        assert "was not found on the branch main" in message
    message = await fetch_error(source, url, tmp_path / "out", branch="mian")

    existing = "main, b0, b1, b2, b3 and 2 more"
    assert (
        f"The branch mian does not exist. Existing branches: {existing}. Choose one of them, or"
        " push the branch first."
    ) == message


async def test_empty_repository_is_reported(
    source: GitSource, git_server: GitServer, tmp_path: Path
) -> None:
    message = await fetch_error(source, git_server.url, tmp_path / "out")

    assert "The repository has no branch yet. Push a commit to it first." == message


async def test_repository_with_sha_256_hashes_is_fetched(source: GitSource, tmp_path: Path) -> None:
    """As with SHA-1, a commit can be selected by a prefix of its SHA-256 hash."""
    path = tmp_path / "repos/long"
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    sha = repository.commit("one", {"a": "1"})

    checkout = await fetch(source, str(path), tmp_path / "out", commit_sha=sha[:12])

    assert 64 == len(checkout.commit_sha)


@pytest.mark.suite("integration")
async def test_ambiguous_commit_is_refused(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    start = _history_with_a_shared_start(repository)

    message = await fetch_error(source, str(repository.path), tmp_path / "out", commit_sha=start)

    assert f"Several commits of the branch main start with {start}" in message


async def test_hash_of_a_tree_is_rejected(
    source: GitSource, repository: Repository, git_server: GitServer, tmp_path: Path
) -> None:
    repository.commit("one", {"a": "1"})
    tree = repository.git("rev-parse", "HEAD^{tree}")

    await fetch_error(source, git_server.url, tmp_path / "out", commit_sha=tree)


async def test_missing_repository_is_reported(
    source: GitSource, git_server: GitServer, tmp_path: Path
) -> None:
    message = await fetch_error(source, f"{git_server.url}s", tmp_path / "out")

    assert message.startswith("There is no repository at this address. Check the repository URL.")


async def test_missing_server_is_reported(source: GitSource, tmp_path: Path) -> None:
    message = await fetch_error(source, "http://127.0.0.1:1/x", tmp_path / "out")

    assert message.startswith("127.0.0.1 cannot be reached.")


@pytest.mark.suite("integration")
async def test_private_repository_is_fetched_with_its_token(
    source: GitSource, repository: Repository, git_server: GitServer, tmp_path: Path
) -> None:
    """No command line and no file contains the token."""
    repository.commit("one", {"a": "1"})
    git_server.requires_token = True
    seen: list[str] = []

    async with anyio.create_task_group() as watching:
        watching.start_soon(_watch_arguments, seen)
        await fetch(source, git_server.url, tmp_path / "out", git_token=TOKEN)
        watching.cancel_scope.cancel()

    assert any(" fetch " in line for line in seen)
    assert not any(TOKEN in line for line in seen)
    assert ["a"] == [path.name for path in (tmp_path / "out").iterdir()]


async def test_token_echoed_by_a_server_is_redacted(
    source: GitSource, git_server: GitServer, tmp_path: Path
) -> None:
    """The error contains the server's text without the token, even if the token is encoded."""
    git_server.echoes_credentials = True

    message = await fetch_error(source, git_server.url, tmp_path / "out", git_token=TOKEN)

    assert git_server.requests
    assert TOKEN not in message
    assert base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode() not in message


@pytest.mark.parametrize(
    ("token", "expected_start"),
    [
        ("wr0ng", "127.0.0.1 rejected the Git token"),
        (None, "The repository does not exist or is private."),
        ("two\r\nX-Evil: lines", "The Git token contains spaces, line breaks"),
    ],
)
async def test_refused_token_is_reported(
    source: GitSource,
    git_server: GitServer,
    tmp_path: Path,
    token: str | None,
    expected_start: str,
) -> None:
    """The errors for a wrong and a missing token differ, and contain no token."""
    git_server.requires_token = True

    message = await fetch_error(source, git_server.url, tmp_path / "out", git_token=token)

    assert message.startswith(expected_start)
    assert token is None or token not in message


async def test_redirect_is_not_followed(
    source: GitSource, repository: Repository, git_server: GitServer, tmp_path: Path
) -> None:
    """The redirect target receives no request."""
    repository.commit("one", {"a": "1"})

    with open_git_server(repository.path.parent) as redirecting:
        redirecting.redirects_to = f"http://127.0.0.1:{git_server.port}"
        message = await fetch_error(source, redirecting.url, tmp_path / "out")

    assert "redirects are not followed" in message
    assert [] == git_server.requests


async def test_required_git_suffix_is_added(
    source: GitSource, repository: Repository, git_server: GitServer, tmp_path: Path
) -> None:
    """Some Git providers require .git at the end."""
    sha = repository.commit("one", {"a": "1"})
    git_server.requires_suffix = True

    checkout = await fetch(source, git_server.url, tmp_path / "out", commit_sha=sha)

    assert sha == checkout.commit_sha


@pytest.mark.parametrize("behavior", ["hangs", "trickles"])
async def test_fetch_from_a_hung_server_times_out(
    source: GitSource, git_server: GitServer, tmp_path: Path, behavior: str
) -> None:
    """No git process is left behind."""
    setattr(git_server, behavior, True)

    message = await fetch_error(
        source, git_server.url, tmp_path / "out", timeout=timedelta(seconds=0.6)
    )

    assert "The repository was not fetched within 0.6 seconds" in message
    assert [] == [line for line in _argument_lists() if git_server.url in line]


async def test_canceled_fetch_leaves_nothing(
    source: GitSource, git_server: GitServer, tmp_path: Path
) -> None:
    """A canceled fetch leaves neither directories nor processes behind."""
    git_server.hangs = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: fetch(source, git_server.url, tmp_path / "out"))
        with anyio.fail_after(60):
            while not git_server.requests:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()

    assert {"repos", "state"} == {path.name async for path in anyio.Path(tmp_path).iterdir()}
    assert [] == [line for line in _argument_lists() if git_server.url in line]


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch${IFS}canary",
        "ext::sh -c touch% canary",
        "file:///etc",
        "/etc",
        "http://10.0.0.1/x",
        "https://user:token@host/x",
    ],
)
async def test_invalid_url_is_rejected_before_a_fetch(
    source: GitSource, tmp_path: Path, url: str
) -> None:
    """Git could run commands in a URL, so URLs are validated again before git gets them."""
    message = await fetch_error(source, url, tmp_path / "out")

    assert message.startswith("The repository URL cannot be used: it must ")


@pytest.mark.parametrize(
    ("branch", "commit"), [("--orphan=x", None), ("$(id)", None), ("main", "--orphan=z")]
)
async def test_invalid_revision_is_rejected_before_a_fetch(
    source: GitSource, repository: Repository, tmp_path: Path, branch: str, commit: str | None
) -> None:
    """Git could take a branch or commit for an option, so both are validated again."""
    message = await fetch_error(
        source, str(repository.path), tmp_path / "out", branch=branch, commit_sha=commit
    )

    assert message.startswith("The branch or the commit cannot be used: it must ")


async def test_symbolic_link_out_of_the_allowed_directory_is_rejected(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    """Symbolic links in a local path are resolved before the path is checked."""
    Repository.create(tmp_path / "secret").commit("one")
    (repository.path.parent / "link").symlink_to(tmp_path / "secret")

    message = await fetch_error(source, f"{repository.path.parent}/link", tmp_path / "out")

    assert "outside the allowed directory" in message


def resolver_for(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[IPAddress]]]:
    async def resolve(_: str, __: int) -> Sequence[IPAddress]:
        return [ip_address(address) for address in addresses]

    return resolve


async def test_host_name_is_pinned_to_the_validated_address(
    process_manager: ProcessManager,
    policy: SourcePolicy,
    repository: Repository,
    git_server: GitServer,
    tmp_path: Path,
) -> None:
    """Git connects to that address, and does not resolve the host name again."""
    repository.commit("one", {"a": "1"})
    policy = evolve(policy, allow_ports=frozenset({git_server.port}))
    source = GitSource(
        binary=GIT,
        process_manager=process_manager,
        policy=policy,
        resolve=resolver_for("127.0.0.1"),
    )

    await fetch(source, f"http://git.invalid:{git_server.port}/shop", tmp_path / "out")

    assert git_server.requests[0].startswith(f"git.invalid:{git_server.port} /shop/")


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("140.82.121.4", "10.0.0.1"), ("::ffff:169.254.169.254",), ("fd00:ec2::254",)],
)
async def test_host_name_with_a_private_address_is_rejected(
    process_manager: ProcessManager, tmp_path: Path, addresses: tuple[str, ...]
) -> None:
    """All addresses of a host name have to be public."""
    source = GitSource(
        binary=GIT, process_manager=process_manager, resolve=resolver_for(*addresses)
    )

    message = await fetch_error(source, "https://git.example.org/x", tmp_path / "out")

    assert "git.example.org resolves to an address of this machine" in message


async def test_unknown_host_is_reported(process_manager: ProcessManager, tmp_path: Path) -> None:
    source = GitSource(binary=GIT, process_manager=process_manager, resolve=resolver_for())

    message = await fetch_error(source, "https://git.example.org/x", tmp_path / "out")

    assert "The host git.example.org was not found. Check the repository URL." == message


async def test_ssh_uses_the_validated_address_and_no_key_of_the_operator(
    process_manager: ProcessManager, tmp_path: Path
) -> None:
    """The host name cannot be resolved, so ssh must connect to the validated address."""
    policy = SourcePolicy(allow_nets=(ip_network("127.0.0.0/8"),), allow_ports=frozenset({1}))
    source = GitSource(
        binary=GIT,
        process_manager=process_manager,
        policy=policy,
        resolve=resolver_for("127.0.0.1"),
    )

    message = await fetch_error(source, "ssh://git@git.invalid:1/x", tmp_path / "out")

    assert message.startswith("git.invalid cannot be reached.")


async def test_many_files_are_refused_before_checkout(
    source: GitSource, repository: Repository, git_server: GitServer, tmp_path: Path
) -> None:
    """The files of a tree bomb are counted before any file is written."""
    _plant_tree_bomb(repository)

    message = await fetch_error(source, git_server.url, tmp_path / "out")

    reason = "The repository is too large for this instance: it has more than 100 files."
    assert f"{reason} Remove large or generated files." == message


async def test_large_files_are_refused_before_checkout(
    source: GitSource, repository: Repository, git_server: GitServer, tmp_path: Path
) -> None:
    """The size limit applies to uncompressed files."""
    repository.commit("zeros", {"zeros": "0" * (3 << 20)})

    message = await fetch_error(source, git_server.url, tmp_path / "out")

    reason = "The repository is too large for this instance: its files total more than 1,048,576"
    assert f"{reason} bytes. Remove large or generated files." == message


@pytest.mark.suite("integration")
async def test_large_transfer_is_rejected_while_it_arrives(
    source: GitSource, repository: Repository, git_server: GitServer, tmp_path: Path
) -> None:
    """The size limit also applies to the compressed bytes that the server sends."""
    repository.commit("noise", {"noise": token_hex(3 << 20)})

    message = await fetch_error(source, git_server.url, tmp_path / "out")

    assert message.startswith("The repository is too large for this instance.")


@pytest.mark.suite("integration")
@pytest.mark.parametrize("url", ["path", "http"], indirect=True)
async def test_content_of_the_repository_is_neither_executed_nor_followed(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """Submodules, filters, hooks and links in a repository have no effect."""
    canary = tmp_path / "canary"
    repository.git("config", "filter.evil.smudge", f"touch {canary}")
    _plant_submodule(repository, f"ext::touch {canary}")
    (repository.path / "link").symlink_to("/etc/passwd")
    repository.commit(
        "evil", {".gitattributes": "*.txt filter=evil", "a.txt": "a", "hooks/post-checkout": ""}
    )
    hook = repository.path / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
    hook.chmod(stat.S_IRWXU)
    repository.git("update-server-info")
    messages: list[str] = []

    await fetch(source, url, tmp_path / "out", messages=messages)

    assert not canary.exists()
    assert "a" == (tmp_path / "out/a.txt").read_text()
    assert (tmp_path / "out/link").is_symlink()
    assert [] == list((tmp_path / "out/sub").iterdir())
    assert messages[-1].endswith("; submodules skipped: 1")


async def test_repository_of_another_owner_is_fetched(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    """Git refuses repositories of other owners by default."""
    repository.commit("one", {"a": "1"})
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 1000, 1000)

    await fetch(source, str(repository.path), tmp_path / "out")

    assert (tmp_path / "out/a").exists()


async def _watch_arguments(git_arguments: list[str]) -> None:
    while True:
        git_arguments.extend(
            line for line in await anyio.to_thread.run_sync(_argument_lists) if "git" in line
        )


def _argument_lists() -> list[str]:
    lists = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lists.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lists


def _plant_tree_bomb(repository: Repository) -> None:
    """Nest the same tree ten times on each of six levels."""
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x")
    entries = "".join(f"100644 blob {blob}\tf{number}\n" for number in range(10))
    for _ in range(6):
        tree = repository.git("mktree", stdin=entries.encode())
        entries = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
    commit = repository.git("commit-tree", tree, "-m", "bomb")
    repository.git("update-ref", "refs/heads/main", commit)


def _plant_submodule(repository: Repository, url: str) -> None:
    (repository.path / ".gitmodules").write_text(
        f'[submodule "sub"]\n\tpath = sub\n\turl = {url}\n'
    )
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    (repository.path / "sub").mkdir()


def _history_with_a_shared_start(repository: Repository) -> str:
    """Merge two commits whose hashes begin with the same seven digits, and return these digits."""
    tree = repository.git("mktree")
    seen: dict[str, bytes] = {}
    for number in count():
        person = f"Ada <ada@example.org> {number} +0000"
        body = f"tree {tree}\nauthor {person}\ncommitter {person}\n\n".encode()
        start = sha1(b"commit %d\0" % len(body) + body, usedforsecurity=False).hexdigest()[:7]
        if start in seen:
            break
        seen[start] = body
    twins = [
        repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=twin)
        for twin in (body, seen[start])
    ]
    merge = repository.git("commit-tree", tree, "-p", twins[0], "-p", twins[1], "-m", "merge")
    repository.git("update-ref", "refs/heads/main", merge)
    return start
