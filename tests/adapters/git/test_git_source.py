"""Commits are fetched from real servers, and nothing else ever is."""

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

import anyio
import pytest
from attrs import evolve

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.forges import TOKEN, Forge, open_forge
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

GIT = find_git()
SECONDS = timedelta(seconds=30)


async def ignore(_: str) -> None:
    pass


async def fetched(
    source: GitSource,
    url: str,
    directory: Path,
    *,
    branch: str = "main",
    commit: str | None = None,
    token: str | None = None,
    timeout: timedelta = SECONDS,
    report: Callable[[str], Awaitable[None]] = ignore,
) -> Checkout:
    request = SourceRequest(repo_url=url, branch=branch, commit_sha=commit, git_token=token)
    return await source.fetch(request, directory, timeout=timeout, report=report)


async def refusal(
    source: GitSource,
    url: str,
    directory: Path,
    *,
    branch: str = "main",
    commit: str | None = None,
    token: str | None = None,
    timeout: timedelta = SECONDS,
) -> str:
    """Return the sentence with which the fetch fails, after a look at what it left behind."""
    before = sorted(directory.parent.iterdir())
    with pytest.raises(SourceError) as caught:
        await fetched(
            source, url, directory, branch=branch, commit=commit, token=token, timeout=timeout
        )
    assert before == sorted(directory.parent.iterdir())
    return str(caught.value)


@pytest.fixture(params=["path", "http", "dumb http", "old http"])
def url(request: pytest.FixtureRequest, repository: Repository, forge: Forge) -> str:
    if request.param == "path":
        return str(repository.path)
    repository.git("config", "uploadpack.allowFilter", "true")
    forge.is_dumb = request.param == "dumb http"
    forge.is_old = request.param == "old http"
    return forge.url


async def test_newest_commit_of_a_branch_is_checked_out(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """Its files and no others lie in the directory, without history, beside nothing else."""
    repository.commit("one", {"old.txt": "old"})
    repository.git("rm", "--quiet", "old.txt")
    sha = repository.commit("Sell shoes\n\nAnd socks.", {"app/main.py": "print()"})
    repository.git("update-server-info")

    checkout = await fetched(source, url, tmp_path / "out")

    assert checkout == Checkout(
        commit_sha=sha,
        commit_message="Sell shoes\n\nAnd socks.",
        commit_author="Ada Lovelace",
        directory=tmp_path / "out",
    )
    assert [tmp_path / "out/app/main.py"] == [
        path for path in (tmp_path / "out").rglob("*") if path.is_file()
    ]
    assert not (tmp_path / "out.git").exists()


async def test_older_commit_is_fetched_by_its_hash(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """A full hash and the beginning of one name the same commit."""
    sha = repository.commit("one", {"a": "1"})
    repository.commit("two", {"a": "2"})
    repository.git("update-server-info")

    by_full = await fetched(source, url, tmp_path / "full", commit=sha)
    by_start = await fetched(source, url, tmp_path / "start", commit=sha[:7])

    assert sha == by_full.commit_sha == by_start.commit_sha
    assert "1" == (tmp_path / "full/a").read_text() == (tmp_path / "start/a").read_text()


async def test_unknown_commit_is_refused(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """There is no falling back to another commit."""
    repository.commit("one", {"a": "1"})
    repository.git("update-server-info")

    messages = [
        await refusal(source, url, tmp_path / "out", commit=sha) for sha in ("f" * 40, "f" * 7)
    ]

    assert all("was not found on the branch main" in message for message in messages)


async def test_short_commit_of_another_branch_is_refused(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """The beginning of a hash is looked for on the deployment's branch alone."""
    repository.commit("one", {"a": "1"})
    repository.git("checkout", "--quiet", "-b", "other")
    sha = repository.commit("two", {"a": "2"})
    repository.git("update-server-info")

    message = await refusal(source, url, tmp_path / "out", commit=sha[:10])

    assert "was not found on the branch main" in message


async def test_missing_branch_is_told_with_those_that_exist(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """A typing error in a branch is seen at once; a tag of that name is no branch."""
    repository.commit("one", {"a": "1"})
    repository.git("tag", "mian")
    for number in range(6):
        repository.git("branch", f"b{number}")
    repository.git("update-server-info")

    message = await refusal(source, url, tmp_path / "out", branch="mian")

    assert "The branch mian does not exist. There are: main, b0, b1, b2, b3 and 2 more." == message


async def test_empty_repository_is_told(source: GitSource, forge: Forge, tmp_path: Path) -> None:
    """Nothing was pushed yet, and that is what is said."""
    message = await refusal(source, forge.url, tmp_path / "out")

    assert "The repository has no branch yet. Push a commit to it first." == message


async def test_repository_with_long_hashes_is_fetched(source: GitSource, tmp_path: Path) -> None:
    """Git's second hash function is spoken as well."""
    path = tmp_path / "repos/long"
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    sha = repository.commit("one", {"a": "1"})

    checkout = await fetched(source, str(path), tmp_path / "out", commit=sha[:12])

    assert 64 == len(checkout.commit_sha)


async def test_ambiguous_commit_is_refused(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    """A beginning that two commits share decides nothing."""
    start = _history_with_a_shared_start(repository)

    message = await refusal(source, str(repository.path), tmp_path / "out", commit=start)

    assert f"Several commits of the branch main begin with {start}" in message


async def test_hash_of_a_tree_is_no_commit(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """What could be checked out but has no author is not deployed."""
    repository.commit("one", {"a": "1"})
    tree = repository.git("rev-parse", "HEAD^{tree}")

    await refusal(source, forge.url, tmp_path / "out", commit=tree)


async def test_missing_repository_is_told(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """The address leads to a server, and to nothing there."""
    by_http = await refusal(source, f"{forge.url}s", tmp_path / "out")
    by_path = await refusal(source, f"{repository.path}s", tmp_path / "out")

    assert by_http.startswith("There is no repository at this address. Check the repository URL.")
    assert by_path.startswith("There is no repository at this address. Check the repository URL.")


async def test_missing_server_is_told(source: GitSource, tmp_path: Path) -> None:
    """Nobody listens where the address leads."""
    message = await refusal(source, "http://127.0.0.1:1/x", tmp_path / "out")

    assert message.startswith("127.0.0.1 does not accept the connection.")


async def test_private_repository_opens_to_its_token(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """The token reaches the server, and neither an argument list nor the disk."""
    repository.commit("one", {"a": "1"})
    forge.wants_token = True
    seen: list[str] = []

    async with anyio.create_task_group() as watching:
        watching.start_soon(_watch_arguments, seen)
        await fetched(source, forge.url, tmp_path / "out", token=TOKEN)
        watching.cancel_scope.cancel()

    assert any(" fetch " in line for line in seen)
    assert not any(TOKEN in line for line in seen)
    assert ["a"] == [path.name for path in (tmp_path / "out").iterdir()]


async def test_a_server_that_repeats_the_token_shows_it_to_nobody(
    source: GitSource, forge: Forge, tmp_path: Path
) -> None:
    """What git says of a refusal has no proof in it, in whatever form."""
    forge.tells_what_it_got = True

    message = await refusal(source, forge.url, tmp_path / "out", token=TOKEN)

    assert forge.requests
    assert TOKEN not in message
    assert base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode() not in message


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("wr0ng", "127.0.0.1 refuses the git token"),
        (None, "There is no such repository, or it is private."),
        ("two\r\nX-Evil: lines", "The git token has spaces, line breaks"),
    ],
)
async def test_refused_token_is_told(
    source: GitSource, forge: Forge, tmp_path: Path, token: str | None, said: str
) -> None:
    """A wrong token and a missing one are told apart, and never repeated."""
    forge.wants_token = True

    message = await refusal(source, forge.url, tmp_path / "out", token=token)

    assert message.startswith(said)
    assert token is None or token not in message


async def test_redirect_is_not_followed(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """The place that a good server points to gets no request."""
    repository.commit("one", {"a": "1"})

    with open_forge(repository.path.parent) as redirecting:
        redirecting.redirects_to = f"http://127.0.0.1:{forge.port}"
        message = await refusal(source, redirecting.url, tmp_path / "out")

    assert "redirects are not followed" in message
    assert [] == forge.requests


async def test_suffix_that_a_forge_wants_is_added(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """An address copied from the browser works where the forge wants .git behind it."""
    sha = repository.commit("one", {"a": "1"})
    forge.wants_suffix = True

    checkout = await fetched(source, forge.url, tmp_path / "out", commit=sha)

    assert sha == checkout.commit_sha


@pytest.mark.parametrize("behaviour", ["hangs", "trickles"])
async def test_server_that_never_finishes_is_left(
    source: GitSource, forge: Forge, tmp_path: Path, behaviour: str
) -> None:
    """The time limit holds whatever the server does, and no git is left."""
    setattr(forge, behaviour, True)

    message = await refusal(source, forge.url, tmp_path / "out", timeout=timedelta(seconds=0.6))

    assert "The repository did not arrive within 0.6 seconds" in message
    assert [] == [line for line in _argument_lists() if forge.url in line]


async def test_cancelled_fetch_leaves_nothing(
    source: GitSource, forge: Forge, tmp_path: Path
) -> None:
    """Whoever stops waiting finds neither directories nor processes."""
    forge.hangs = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: fetched(source, forge.url, tmp_path / "out"))
        with anyio.fail_after(10):
            while not forge.requests:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()

    assert {"repos", "state"} == {path.name async for path in anyio.Path(tmp_path).iterdir()}
    assert [] == [line for line in _argument_lists() if forge.url in line]


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
async def test_planted_address_is_refused_here_too(
    source: GitSource, tmp_path: Path, url: str
) -> None:
    """A row that went around the API reaches no program."""
    message = await refusal(source, url, tmp_path / "out")

    assert message.startswith("The repository URL cannot be used: it must ")


@pytest.mark.parametrize(
    ("branch", "commit"), [("--orphan=x", None), ("$(id)", None), ("main", "--orphan=z")]
)
async def test_planted_revision_is_refused_here_too(
    source: GitSource, repository: Repository, tmp_path: Path, branch: str, commit: str | None
) -> None:
    """Branches and commits are judged again as well."""
    message = await refusal(
        source, str(repository.path), tmp_path / "out", branch=branch, commit=commit
    )

    assert message.startswith("The branch or the commit cannot be used: it must ")


async def test_symbolic_link_does_not_lead_out_of_the_root(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    """A local path is judged by where it really leads."""
    Repository.make(tmp_path / "secret").commit("one")
    (repository.path.parent / "link").symlink_to(tmp_path / "secret")

    message = await refusal(source, f"{repository.path.parent}/link", tmp_path / "out")

    assert "leads out of the directory" in message


def resolving(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[IPAddress]]]:
    async def resolve(_: str, __: int) -> Sequence[IPAddress]:
        return [ip_address(address) for address in addresses]

    return resolve


async def test_name_is_pinned_to_the_judged_address(
    processes: Processes, policy: SourcePolicy, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """Git asks no resolver of its own, so that a second answer cannot differ."""
    repository.commit("one", {"a": "1"})
    policy = evolve(policy, allow_ports=frozenset({forge.port}))
    source = GitSource(
        binary=GIT, processes=processes, policy=policy, resolve=resolving("127.0.0.1")
    )

    await fetched(source, f"http://forge.invalid:{forge.port}/shop", tmp_path / "out")

    assert forge.requests[0].startswith(f"forge.invalid:{forge.port} /shop/")


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("140.82.121.4", "10.0.0.1"), ("::ffff:169.254.169.254",), ("fd00:ec2::254",)],
)
async def test_name_with_an_inner_address_is_refused(
    processes: Processes, tmp_path: Path, addresses: tuple[str, ...]
) -> None:
    """Every address of a name must be a public one."""
    source = GitSource(binary=GIT, processes=processes, resolve=resolving(*addresses))

    message = await refusal(source, "https://forge.example.org/x", tmp_path / "out")

    assert "forge.example.org leads to an address of this machine" in message


async def test_unknown_host_is_told(processes: Processes, tmp_path: Path) -> None:
    """A name without addresses is a typing error."""
    source = GitSource(binary=GIT, processes=processes, resolve=resolving())

    message = await refusal(source, "https://forge.example.org/x", tmp_path / "out")

    assert "The host forge.example.org was not found. Check the repository URL." == message


async def test_ssh_is_pinned_and_lends_no_key(processes: Processes, tmp_path: Path) -> None:
    """An ssh address goes to the judged address, which here nobody answers at."""
    policy = SourcePolicy(allow_nets=(ip_network("127.0.0.0/8"),), allow_ports=frozenset({1}))
    source = GitSource(
        binary=GIT, processes=processes, policy=policy, resolve=resolving("127.0.0.1")
    )

    message = await refusal(source, "ssh://git@forge.invalid:1/x", tmp_path / "out")

    assert message.startswith("forge.invalid does not accept the connection.")


async def test_many_files_are_refused_before_checkout(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """A few hundred bytes that become a million files are counted, not written."""
    _plant_tree_bomb(repository)

    message = await refusal(source, forge.url, tmp_path / "out")

    assert "The repository is too large for this instance: it has more than 100 files." == message


async def test_many_bytes_are_refused_before_checkout(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """What compresses well is judged by what it becomes."""
    repository.commit("zeros", {"zeros": "0" * (3 << 20)})

    message = await refusal(source, forge.url, tmp_path / "out")

    assert (
        "The repository is too large for this instance: its files have more than 1,048,576 bytes."
        == message
    )


async def test_large_transfer_is_refused_while_it_comes(
    source: GitSource, repository: Repository, forge: Forge, tmp_path: Path
) -> None:
    """What does not compress fills no disk before it can be measured."""
    repository.commit("noise", {"noise": token_hex(3 << 20)})

    message = await refusal(source, forge.url, tmp_path / "out")

    assert message.startswith("The repository is too large for this instance.")


async def test_nothing_in_the_repository_is_executed_or_followed(
    source: GitSource, repository: Repository, url: str, tmp_path: Path
) -> None:
    """Submodules, filters, hooks and links stay what they are: entries and text."""
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
    said: list[str] = []

    async def report(sentence: str) -> None:
        said.append(sentence)

    await fetched(source, url, tmp_path / "out", report=report)

    assert not canary.exists()
    assert "a" == (tmp_path / "out/a.txt").read_text()
    assert (tmp_path / "out/link").is_symlink()
    assert [] == list((tmp_path / "out/sub").iterdir())
    assert said[-1].endswith("; submodules are left out: 1")


async def test_repository_of_another_owner_is_fetched(
    source: GitSource, repository: Repository, tmp_path: Path
) -> None:
    """The operator vouches for local repositories, whoever owns them."""
    repository.commit("one", {"a": "1"})
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 1000, 1000)

    await fetched(source, str(repository.path), tmp_path / "out")

    assert (tmp_path / "out/a").exists()


async def _watch_arguments(seen: list[str]) -> None:
    while True:
        seen.extend(
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
    """Nest ten times the same tree six times."""
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
    """Merge two commits whose hashes begin with the same seven digits; return those."""
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
