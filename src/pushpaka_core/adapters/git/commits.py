"""Which commit is meant, and how to get it and nothing more."""

import re
from collections.abc import Sequence

from anyio import to_thread
from attrs import define, field, frozen

from pushpaka_core.adapters.git import failures
from pushpaka_core.adapters.git.commands import Git, Result
from pushpaka_core.adapters.git.mirrors import Store

WANTED = "refs/pushpaka/wanted"
"""The ref that a fetched branch or commit gets in a store."""

_HASH_LENGTHS = {40: "sha1", 64: "sha256"}
_USUAL_DIGITS = 40
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
_SHA = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@frozen
class Fetched:
    """A commit that has come."""

    revision: str
    """Its hash, or WANTED for the newest one."""
    store: Store


@frozen(kw_only=True)
class Commits:
    """Finds the commits of one branch at the remote, and brings them into local stores."""

    _git: Git
    _branch: str

    async def tip(self) -> str:
        """
        Return the branch's newest commit.

        Tags and other refs that bear the branch's name do not count.

        Raises:
            SourceError: If there is no such branch.
        """
        listed = await self._git.run("ls-remote", "--", self._url, self._ref)
        self._require(listed)
        refs = _refs(listed)
        if self._ref not in refs:
            raise failures.unknown_branch(self._branch, await self._branches())
        return refs[self._ref]

    async def fetch(self, commit: str | None, *, store: Store, is_proposed: bool) -> Fetched:
        """
        Bring the files of *commit*, or of the branch's newest one, into *store* or one beside it.

        *commit* may be the beginning of a hash of the branch, or a whole one of any branch or
        tag. Forges give out the commits of forks as well, by their hashes: what is on no branch
        is taken only where it *is_proposed*.
        """
        is_new = await to_thread.run_sync(store.digits) is None
        if commit is None:
            return await self._newest(store, is_new=is_new)
        if is_new:
            await self._make(store)
        if is_proposed or commit == await self.tip():
            return await self._exactly(commit, store)
        return await self._exactly(await self._completed(commit), store)

    async def _newest(self, store: Store, *, is_new: bool) -> Fetched:
        """Fetch without asking for the length of hashes, which is nearly always the same."""
        if is_new:
            await self._init(store, _USUAL_DIGITS)
        got = await self._fetch(store, self._ref, "--depth=1")
        if failures.has_other_hashes(got):
            await to_thread.run_sync(store.discard)
            await self._make(store)
            got = await self._fetch(store, self._ref, "--depth=1")
        if failures.needs_history(got):
            got = await self._fetch(store, self._ref)
        if is_new and not got.exit.succeeded:
            # Nothing has told yet how long its hashes are to be.
            await to_thread.run_sync(store.discard)
        if failures.is_unknown_commit(got):
            raise failures.unknown_branch(self._branch, await self._branches())
        self._require(got)
        return Fetched(WANTED, store)

    async def _exactly(self, commit: str, store: Store) -> Fetched:
        got = await self._fetch(store, commit, "--depth=1")
        if failures.needs_history(got):
            return await self._from_history(commit)
        if failures.is_unknown_commit(got):
            raise failures.unknown_commit(commit, self._branch)
        self._require(got)
        return Fetched(commit, store)

    async def _from_history(self, commit: str) -> Fetched:
        """
        Take the whole branch from a server that gives no single commits, and look in it.

        That needs a store that has not got but the end of it.
        """
        store = self._git.store("branch")
        await self._make(store)
        self._require(await self._fetch(store, self._ref))
        if await self._matching(commit, store) != [commit]:
            raise failures.unknown_commit(commit, self._branch)
        return Fetched(commit, store)

    async def _completed(self, start: str) -> str:
        """Return the one hash that begins with *start*; no file is fetched."""
        history = self._git.store("history")
        digits = await self._make(history)
        self._require(await self._fetch(history, self._ref, *self._without_files))
        found = await self._matching(start, history)
        if not found and len(start) == digits:
            refspecs = [f"+refs/{kind}/*:refs/pushpaka/{kind}/*" for kind in ("heads", "tags")]
            fetch = (*_FETCH, *self._without_files, "--", self._url, *refspecs)
            self._require(await self._in(history, *fetch))
            found = await self._matching(start, history)
        match found:
            case [only]:
                return only
            case []:
                raise failures.unknown_commit(start, self._branch)
            case _:
                raise failures.ambiguous_commit(start, self._branch)

    async def _matching(self, start: str, store: Store) -> list[str]:
        """Return the fetched hashes that begin with *start*, two at most."""
        found = _Matches(start.encode())
        listed = await self._git.stream(
            f"--git-dir={store.path}", "rev-list", "--all", "--", each=found.add
        )
        if len(found.hashes) < 2:
            self._require(listed)
        return [found_hash.decode() for found_hash in found.hashes]

    async def _branches(self) -> Sequence[str]:
        listed = await self._git.run("ls-remote", "--heads", "--", self._url)
        self._require(listed)
        return [ref.removeprefix("refs/heads/") for ref in _refs(listed)]

    async def _make(self, store: Store) -> int:
        """Make a store for such hashes as the remote has, and return how long they are."""
        digits = len(await self.tip())
        await self._init(store, digits)
        return digits

    async def _init(self, store: Store, digits: int) -> None:
        how = ("--quiet", "--bare", "--template=", f"--object-format={_HASH_LENGTHS[digits]}")
        self._require(await self._git.run("init", *how, str(store.path)))

    async def _fetch(self, store: Store, what: str, *how: str) -> Result:
        return await self._in(store, *_FETCH, *how, "--", self._url, f"+{what}:{WANTED}")

    async def _in(self, store: Store, *arguments: str) -> Result:
        return await self._git.run(f"--git-dir={store.path}", *arguments)

    def _require(self, result: Result) -> None:
        if not result.exit.succeeded:
            raise failures.failure(result, self._git.remote)

    @property
    def _without_files(self) -> Sequence[str]:
        """Return how to ask for commits alone; git does not know that of paths."""
        return () if self._git.remote.url.scheme == "file" else ("--filter=tree:0",)

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._branch}"

    @property
    def _url(self) -> str:
        return self._git.remote.url.text


@define
class _Matches:
    """Collects the lines with a certain beginning, from a stream that is cut anywhere."""

    _start: bytes
    hashes: list[bytes] = field(factory=list, init=False)
    _rest: bytes = field(default=b"", init=False)

    def add(self, data: bytes) -> bool:
        """Take more of the stream; return whether more is of interest."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.hashes += [line for line in lines if line.startswith(self._start)]
        return len(self.hashes) < 2


def _refs(listed: Result) -> dict[str, str]:
    """Return what ls-remote listed: hashes by ref."""
    rows = (line.split(b"\t", 1) for line in listed.output.splitlines() if b"\t" in line)
    return {ref.decode(errors="replace"): sha.decode() for sha, ref in rows if _SHA.fullmatch(sha)}
