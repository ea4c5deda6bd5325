"""Finds a commit of a branch and fetches as little as possible."""

import re
from collections.abc import Sequence

from anyio import to_thread
from attrs import define, field, frozen

from pushpaka_core.adapters.git import git_errors
from pushpaka_core.adapters.git.commands import Git, GitResult
from pushpaka_core.adapters.git.mirrors import BareRepository

WANTED = "refs/pushpaka/wanted"
"""The local ref of the fetched branch or commit."""

_HASH_LENGTHS = {40: "sha1", 64: "sha256"}
_SHA1_DIGITS = 40
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
_SHA = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@frozen
class FetchedCommit:
    """A fetched commit, and the local repository that contains it."""

    revision: str
    """The commit's hash, or WANTED for the newest commit of the branch."""
    bare_repository: BareRepository


@frozen(kw_only=True)
class CommitFetcher:
    """Finds commits of one branch of the remote and fetches them into local repositories."""

    _git: Git
    _branch: str

    async def branch_head(self) -> str:
        """
        Return the hash of the branch's newest commit.

        Tags and other refs with the same name do not count.

        Raises:
            SourceError: If the branch does not exist.
        """
        listed = await self._git.run("ls-remote", "--", self._url, self._ref)
        self._require_success(listed)
        refs = _refs(listed)
        if self._ref not in refs:
            raise git_errors.unknown_branch_error(self._branch, await self._branches())
        return refs[self._ref]

    async def fetch(
        self, commit: str | None, *, bare_repository: BareRepository, is_proposed: bool
    ) -> FetchedCommit:
        """
        Fetch the files of *commit*, or of the branch's newest commit if it is None.

        Git providers serve commits of forks by their hashes as well. A commit that is on no branch
        or tag is only accepted if *is_proposed* is set.

        Args:
            commit: A full hash, or the beginning of the hash of a commit on the branch. The commit
                of a full hash may also be on any other branch or tag.
            bare_repository: The local repository to fetch into. It is created if necessary.
            is_proposed: Whether the Git provider announced the commit as part of a pull request.

        Returns:
            The commit, which may be in another local repository of this fetch.

        Raises:
            SourceError: If the commit or branch does not exist, is ambiguous, or cannot be
                fetched.
            PlatformFaultError: If git fails because of the host.
        """
        is_new = await to_thread.run_sync(bare_repository.hash_length) is None
        if commit is None:
            return await self._fetch_branch_head(bare_repository, is_new=is_new)
        if is_new:
            await self._create_repository(bare_repository)
        if is_proposed or commit == await self.branch_head():
            return await self._fetch_exact(commit, bare_repository)
        return await self._fetch_exact(await self._resolve_prefix(commit), bare_repository)

    async def _fetch_branch_head(
        self, bare_repository: BareRepository, *, is_new: bool
    ) -> FetchedCommit:
        """
        Fetch the newest commit, assuming SHA-1. If that is wrong, retry with the remote's
        algorithm.

        This saves a request for the hash algorithm, which is nearly always SHA-1.
        """
        if is_new:
            await self._init_repository(bare_repository, _SHA1_DIGITS)
        got = await self._fetch(bare_repository, self._ref, "--depth=1")
        if git_errors.has_hash_mismatch(got):
            await to_thread.run_sync(bare_repository.delete)
            await self._create_repository(bare_repository)
            got = await self._fetch(bare_repository, self._ref, "--depth=1")
        if git_errors.needs_history(got):
            got = await self._fetch(bare_repository, self._ref)
        if is_new and not got.exit.succeeded:
            # The store may have the wrong hash algorithm, which is not known yet.
            await to_thread.run_sync(bare_repository.delete)
        if git_errors.is_unknown_commit(got):
            raise git_errors.unknown_branch_error(self._branch, await self._branches())
        self._require_success(got)
        return FetchedCommit(WANTED, bare_repository)

    async def _fetch_exact(self, commit: str, bare_repository: BareRepository) -> FetchedCommit:
        got = await self._fetch(bare_repository, commit, "--depth=1")
        if git_errors.needs_history(got):
            return await self._fetch_with_history(commit)
        if git_errors.is_unknown_commit(got):
            raise git_errors.unknown_commit_error(commit, self._branch)
        self._require_success(got)
        return FetchedCommit(commit, bare_repository)

    async def _fetch_with_history(self, commit: str) -> FetchedCommit:
        """
        Fetch the whole branch and find the commit in it, for servers that do not serve single
        commits.

        This needs a new repository, because git would not complete the history of a shallow one.
        """
        store = self._git.bare_repository("branch")
        await self._create_repository(store)
        self._require_success(await self._fetch(store, self._ref))
        if await self._matching_hashes(commit, store) != [commit]:
            raise git_errors.unknown_commit_error(commit, self._branch)
        return FetchedCommit(commit, store)

    async def _resolve_prefix(self, prefix: str) -> str:
        """Return the only hash that starts with *prefix*, after fetching commits without files."""
        history = self._git.bare_repository("history")
        digits = await self._create_repository(history)
        self._require_success(await self._fetch(history, self._ref, *self._commits_only_options))
        found = await self._matching_hashes(prefix, history)
        if not found and len(prefix) == digits:
            refspecs = [f"+refs/{kind}/*:refs/pushpaka/{kind}/*" for kind in ("heads", "tags")]
            fetch = (*_FETCH, *self._commits_only_options, "--", self._url, *refspecs)
            self._require_success(await self._git.run_in(history, *fetch))
            found = await self._matching_hashes(prefix, history)
        match found:
            case [only]:
                return only
            case []:
                raise git_errors.unknown_commit_error(prefix, self._branch)
            case _:
                raise git_errors.ambiguous_commit_error(prefix, self._branch)

    async def _matching_hashes(self, prefix: str, bare_repository: BareRepository) -> list[str]:
        """Return at most two fetched hashes that start with *prefix*."""
        found = _Matches(prefix.encode())
        listed = await self._git.stream(
            f"--git-dir={bare_repository.path}", "rev-list", "--all", "--", on_output=found.add
        )
        if len(found.hashes) < 2:
            self._require_success(listed)
        return [found_hash.decode() for found_hash in found.hashes]

    async def _branches(self) -> Sequence[str]:
        listed = await self._git.run("ls-remote", "--heads", "--", self._url)
        self._require_success(listed)
        return [ref.removeprefix("refs/heads/") for ref in _refs(listed)]

    async def _create_repository(self, bare_repository: BareRepository) -> int:
        """Create a repository with the remote's hash algorithm and return the hash length."""
        digits = len(await self.branch_head())
        await self._init_repository(bare_repository, digits)
        return digits

    async def _init_repository(self, bare_repository: BareRepository, hash_length: int) -> None:
        how = ("--quiet", "--bare", "--template=", f"--object-format={_HASH_LENGTHS[hash_length]}")
        self._require_success(await self._git.run("init", *how, str(bare_repository.path)))

    async def _fetch(self, bare_repository: BareRepository, refspec: str, *how: str) -> GitResult:
        return await self._git.run_in(
            bare_repository, *_FETCH, *how, "--", self._url, f"+{refspec}:{WANTED}"
        )

    def _require_success(self, result: GitResult) -> None:
        git_errors.require_success(result, self._git.remote)

    @property
    def _commits_only_options(self) -> Sequence[str]:
        """
        Return the options to fetch only commits, or none for local paths, for which git does not
        support such a fetch.
        """
        return () if self._git.remote.url.scheme == "file" else ("--filter=tree:0",)

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._branch}"

    @property
    def _url(self) -> str:
        return self._git.remote.url.text


@define
class _Matches:
    """Collects lines with a given prefix from a stream of arbitrary chunks."""

    _prefix: bytes
    hashes: list[bytes] = field(factory=list, init=False)
    _rest: bytes = field(default=b"", init=False)

    def add(self, chunk: bytes) -> bool:
        """Process more of the stream. Return False if no more is needed."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self.hashes += [line for line in lines if line.startswith(self._prefix)]
        return len(self.hashes) < 2


def _refs(result: GitResult) -> dict[str, str]:
    """Parse the output of ls-remote into hashes by ref."""
    rows = (line.split(b"\t", 1) for line in result.output.splitlines() if b"\t" in line)
    return {ref.decode(errors="replace"): sha.decode() for sha, ref in rows if _SHA.fullmatch(sha)}
