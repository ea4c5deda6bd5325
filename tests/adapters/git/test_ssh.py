"""Private repositories are fetched from a real ssh server, by the project's key alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from shlex import split

import anyio
import pytest
from anyio import create_task_group, fail_after
from attrs import frozen
from tests.sshd import Sshd, open_sshd

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.host_keys import HostKeys, Trust
from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.git.ssh import Ssh
from pushpaka_core.adapters.security.key_maker import Ed25519KeyMaker
from pushpaka_core.domain.deploy_keys import KeyPair, fingerprint_of
from pushpaka_core.domain.sources import SourcePolicy, parse_repo_url
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("sshd")]

GIT = find_git()
PATIENCE = 60
MET = "was met for the first time"
CHANGED = "is another one than it was"


@frozen
class Client:
    """A platform that fetches, and what it said meanwhile."""

    processes: Processes
    policy: SourcePolicy
    directory: Path
    said: list[str]

    @property
    def remembered(self) -> Path:
        return self.directory / "known_hosts"

    async def fetch(
        self, url: str, key: KeyPair | None, name: str = "out", *, pinned: Path | None = None
    ) -> Checkout:
        """Fetch the branch main by a deploy key."""
        source = GitSource(
            binary=GIT,
            processes=self.processes,
            policy=self.policy,
            host_keys=HostKeys(pinned=pinned, remembered=self.remembered),
            mirrors_directory=self.directory / "mirrors",
        )
        request = SourceRequest(
            repo_url=url, branch="main", deploy_key=key.private_key if key else None
        )
        with fail_after(PATIENCE):
            return await source.fetch(
                request,
                self.directory / name,
                timeout=timedelta(seconds=PATIENCE),
                report=self._hear,
            )

    async def refusal(self, url: str, key: KeyPair | None, *, pinned: Path | None = None) -> str:
        """Return why a fetch fails, after a look at what it left."""
        with pytest.raises(SourceError) as caught:
            await self.fetch(url, key, "refused", pinned=pinned)
        assert [] == list(self.directory.glob("refused*"))
        return str(caught.value)

    async def _hear(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture
def client(processes: Processes, policy: SourcePolicy, tmp_path: Path) -> Client:
    (tmp_path / "platform").mkdir(mode=0o700)
    return Client(processes, policy, tmp_path / "platform", [])


@pytest.fixture
def key() -> KeyPair:
    return Ed25519KeyMaker().make("pushpaka:shop")


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with open_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def shop(sshd: Sshd, repository: Repository, key: KeyPair) -> str:
    """The address of a repository with one commit, which the key may read."""
    repository.commit("one", {"a.txt": "1"})
    sshd.admit(key.public_key, repository.path)
    return sshd.url(repository.path)


async def test_a_repository_is_fetched_by_its_key(client: Client, shop: str, key: KeyPair) -> None:
    """Again and again; nothing of the key is left anywhere."""
    checkout = await client.fetch(shop, key)
    again = await client.fetch(shop, key, "again")

    assert "1" == await anyio.Path(checkout.directory / "a.txt").read_text()
    assert checkout.commit_sha == again.commit_sha
    assert not _holding(client.directory, key)


@pytest.mark.skipif(os.geteuid() != 0, reason="the usual port is root's to give")
async def test_an_address_may_be_written_as_scp_does(
    client: Client, repository: Repository, key: KeyPair, tmp_path: Path
) -> None:
    """As in git@host:path, where the port is the usual one."""
    sha = repository.commit("one", {"a.txt": "1"})
    with open_sshd(tmp_path / "sshd", address="127.9.9.9", port=22) as sshd:
        sshd.admit(key.public_key, repository.path)

        checkout = await client.fetch(f"{sshd.account}@127.9.9.9:shop.git", key)

        assert sha == checkout.commit_sha
        assert f"127.9.9.9 {sshd.host_key}\n" == client.remembered.read_text()


async def test_without_a_key_nothing_is_fetched(client: Client, shop: str) -> None:
    """Neither by a key of whoever runs the platform; the sentence says what to make."""
    message = await client.refusal(shop, None)

    assert "127.0.0.1 wants an ssh key. Make a deploy key for the project" in message


async def test_a_key_that_was_not_added_is_told(client: Client, shop: str) -> None:
    """As after a rotation, until the forge has the new public half."""
    message = await client.refusal(shop, Ed25519KeyMaker().make("other"))

    assert "127.0.0.1 does not accept the deploy key of the project. Add its public" in message


async def test_the_first_key_of_a_host_is_remembered_and_shown(
    client: Client, shop: str, sshd: Sshd, key: KeyPair
) -> None:
    """It is told once, by the fingerprint that the forge shows as well."""
    await client.fetch(shop, key)
    await client.fetch(shop, key, "again")

    (sentence,) = [each for each in client.said if MET in each]
    assert f"ed25519 {fingerprint_of(sshd.host_key)}, is remembered" in sentence
    assert f"[127.0.0.1]:{sshd.port} {sshd.host_key}\n" == client.remembered.read_text()
    assert 0o600 == client.remembered.stat().st_mode & 0o777


async def test_a_host_is_remembered_though_it_lets_nobody_in(client: Client, shop: str) -> None:
    """Whoever answers next has to be the same."""
    await client.refusal(shop, None)

    assert MET in client.said[-1]
    assert client.remembered.read_text()


async def test_another_key_of_a_host_fails_the_fetch(
    client: Client, shop: str, sshd: Sshd, key: KeyPair
) -> None:
    """Whoever listens there now gets no proof of the key; what is remembered stays."""
    await client.fetch(shop, key)
    before = client.remembered.read_text()
    other = Ed25519KeyMaker().make("another host").public_key.rpartition(" ")[0]
    client.remembered.write_text(before.replace(sshd.host_key, other))

    message = await client.refusal(shop, key)

    assert CHANGED in message
    assert "known_hosts in the data directory" in message
    assert sshd.host_key not in client.remembered.read_text()


async def test_another_kind_of_key_is_another_key(
    client: Client, shop: str, sshd: Sshd, key: KeyPair
) -> None:
    """Whoever has not the host's key cannot offer one of a kind that is not known yet."""
    client.remembered.write_text(f"[127.0.0.1]:{sshd.port} ecdsa-sha2-nistp256 AAAA\n")

    assert CHANGED in await client.refusal(shop, key)
    assert sshd.host_key not in client.remembered.read_text()


async def test_of_two_that_meet_a_host_the_first_decides(
    client: Client, shop: str, sshd: Sshd, tmp_path: Path
) -> None:
    """The other one believes nobody else."""
    url, file = parse_repo_url(shop, client.policy), tmp_path / "lent"
    host_keys = HostKeys(remembered=client.remembered)
    alias = f"[127.0.0.1]:{sshd.port}"

    async def meet() -> None:
        async with host_keys.lent(url, file, client._hear) as trust:
            assert Trust.FIRST_USE is trust
            client.remembered.write_text(f"{alias} {sshd.host_key}\n")
            file.write_text(f"{alias} ssh-ed25519 AAAB\n")

    with pytest.raises(SourceError, match=CHANGED):
        await meet()

    assert [] == client.said


async def test_a_pinned_host_is_believed_and_no_other(
    client: Client, shop: str, sshd: Sshd, key: KeyPair, tmp_path: Path
) -> None:
    """What the operator names is all there is: nothing is remembered beside it."""
    pinned = tmp_path / "pinned"
    pinned.write_text(f"# ours\n[127.0.0.1]:{sshd.port} {sshd.host_key}\n")
    await client.fetch(shop, key, pinned=pinned)

    pinned.write_text(f"127.0.0.1 {sshd.host_key}\n")
    unknown = await client.refusal(shop, key, pinned=pinned)
    other = Ed25519KeyMaker().make("").public_key
    pinned.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
    changed = await client.refusal(shop, key, pinned=pinned)

    assert "is not known here" in unknown
    assert CHANGED in changed
    assert "PUSHPAKA_SSH_KNOWN_HOSTS" in unknown
    assert "PUSHPAKA_SSH_KNOWN_HOSTS" in changed
    assert not client.remembered.exists()


async def test_the_private_half_is_in_one_private_file_while_it_is_used(
    client: Client, shop: str, key: KeyPair
) -> None:
    """It is in no argument, no environment and no configuration of a process meanwhile."""
    seen: set[str] = set()
    secret, others = key.private_key.splitlines()[2], _processes()

    async def look(done: Callable[[], bool]) -> None:
        while not done():
            seen.update(_told(client.directory, _processes() - others))
            for held in _holding(client.directory, key):
                with suppress(FileNotFoundError):
                    seen.add(f"{held.name} {held.stat().st_mode & 0o777:o}")
            await anyio.sleep(0.01)

    results: list[Checkout] = []
    async with create_task_group() as tasks:
        tasks.start_soon(look, lambda: bool(results))
        results.append(await client.fetch(shop, key))

    assert any("IdentityFile=../deploy_key" in text for text in seen)
    assert not [text for text in seen if secret in text]
    assert {"deploy_key 600"} == {text for text in seen if text.startswith("deploy_key")}
    assert not _holding(client.directory, key)


async def test_where_there_is_no_ssh_the_operator_is_told(
    client: Client, shop: str, key: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to install, and where it comes from."""
    monkeypatch.setenv("PATH", str(client.directory))

    with pytest.raises(PlatformFaultError, match="openssh-client on Debian"):
        await client.fetch(shop, key)


def test_ssh_is_told_nothing_that_a_shell_or_an_option_would_take_for_more(
    policy: SourcePolicy,
) -> None:
    """Its command is a list of options of ours, a checked name and an address."""
    url = parse_repo_url("ssh://git@127.0.0.1:2222/a/b", policy)
    ssh = Ssh(binary=Path("/opt/my tools/ssh"), has_key=True, trust=Trust.FIRST_USE)

    command = split(ssh.environment(url, ip_address("127.0.0.1"))["GIT_SSH_COMMAND"])

    options = command[4::2]
    assert ["/opt/my tools/ssh", "-F", "/dev/null"] == command[:3]
    assert {"-o"} == set(command[3::2])
    for wanted in (
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "ProxyCommand=none",
        "StrictHostKeyChecking=accept-new",
        "UserKnownHostsFile=../known_hosts",
        "GlobalKnownHostsFile=/dev/null",
        "HostKeyAlias=[127.0.0.1]:2222",
        "HostName=127.0.0.1",
    ):
        assert wanted in options


def _processes() -> set[Path]:
    return set(Path("/proc").glob("[0-9]*"))


def _told(workspace: Path, processes: set[Path]) -> list[str]:
    """Return arguments and environments of those processes that work for the fetch."""
    told = [
        b"".join(_content(process / name) for name in ("cmdline", "environ"))
        for process in processes
    ]
    return [text.decode(errors="replace") for text in told if str(workspace).encode() in text]


def _holding(directory: Path, key: KeyPair) -> list[Path]:
    """Return the files below a directory that have the private half in them."""
    secret = key.private_key.splitlines()[2].encode()
    files = (Path(place, name) for place, _, names in os.walk(directory) for name in names)
    return [path for path in files if secret in _content(path)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""
