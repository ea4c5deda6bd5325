"""Tests fetching private repositories from a real SSH server."""

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
from tests.servers.sshd import Sshd, open_sshd

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.host_keys import HostKeys, HostKeyTrust
from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.git.ssh import SshConfig
from pushpaka_core.adapters.security.key_pairs import Ed25519KeyPairGenerator
from pushpaka_core.domain.projects.deploy_keys import KeyPair, fingerprint_of
from pushpaka_core.domain.projects.sources import SourcePolicy, parse_repo_url
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("sshd")]

GIT = find_git()
PATIENCE = 60
MET = "First connection to 127"
CHANGED = "has changed"


@frozen
class Client:
    """A client that fetches repositories, and records the progress messages."""

    process_manager: ProcessManager
    policy: SourcePolicy
    directory: Path
    messages: list[str]

    @property
    def known_hosts_file(self) -> Path:
        return self.directory / "known_hosts"

    async def fetch(
        self,
        url: str,
        deploy_key: KeyPair | None,
        name: str = "out",
        *,
        pinned_hosts: Path | None = None,
    ) -> Checkout:
        """Fetch the branch main with a deploy key."""
        source = GitSource(
            binary=GIT,
            process_manager=self.process_manager,
            policy=self.policy,
            host_keys=HostKeys(pinned=pinned_hosts, stored=self.known_hosts_file),
            mirrors_directory=self.directory / "mirrors",
        )
        request = SourceRequest(
            repo_url=url, branch="main", deploy_key=deploy_key.private_key if deploy_key else None
        )
        with fail_after(PATIENCE):
            return await source.fetch(
                request,
                self.directory / name,
                timeout=timedelta(seconds=PATIENCE),
                on_progress=self._record_message,
            )

    async def fetch_error(
        self, url: str, deploy_key: KeyPair | None, *, pinned_hosts: Path | None = None
    ) -> str:
        """Require that a fetch fails without leftover files, and return the error message."""
        with pytest.raises(SourceError) as caught:
            await self.fetch(url, deploy_key, "refused", pinned_hosts=pinned_hosts)
        assert [] == list(self.directory.glob("refused*"))
        return str(caught.value)

    async def _record_message(self, sentence: str) -> None:
        self.messages.append(sentence)


@pytest.fixture
def client(process_manager: ProcessManager, policy: SourcePolicy, tmp_path: Path) -> Client:
    (tmp_path / "platform").mkdir(mode=0o700)
    return Client(process_manager, policy, tmp_path / "platform", [])


@pytest.fixture
def deploy_key() -> KeyPair:
    return Ed25519KeyPairGenerator().generate("pushpaka:shop")


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with open_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def shop_url(sshd: Sshd, repository: Repository, deploy_key: KeyPair) -> str:
    """Return the URL of a repository to which the key has access."""
    repository.commit("one", {"a.txt": "1"})
    sshd.authorize(deploy_key.public_key, repository.path)
    return sshd.url(repository.path)


async def test_repository_is_fetched_with_its_key(
    client: Client, shop_url: str, deploy_key: KeyPair
) -> None:
    """Repeated fetches work, and no file contains the key afterwards."""
    checkout = await client.fetch(shop_url, deploy_key)
    again = await client.fetch(shop_url, deploy_key, "again")

    assert "1" == await anyio.Path(checkout.directory / "a.txt").read_text()
    assert checkout.commit_sha == again.commit_sha
    assert not _files_containing(client.directory, deploy_key)


@pytest.mark.skipif(os.geteuid() != 0, reason="the usual port is root's to give")
async def test_urls_in_scp_format_are_accepted(
    client: Client, repository: Repository, deploy_key: KeyPair, tmp_path: Path
) -> None:
    """The format git@host:path is accepted, and uses the default port."""
    sha = repository.commit("one", {"a.txt": "1"})
    with open_sshd(tmp_path / "sshd", address="127.9.9.9", port=22) as sshd:
        sshd.authorize(deploy_key.public_key, repository.path)

        checkout = await client.fetch(f"{sshd.account}@127.9.9.9:shop.git", deploy_key)

        assert sha == checkout.commit_sha
        assert f"127.9.9.9 {sshd.host_key}\n" == client.known_hosts_file.read_text()


async def test_fetch_over_ssh_requires_a_key(client: Client, shop_url: str) -> None:
    """Without a deploy key, the fetch fails. The operator's keys are not used."""
    message = await client.fetch_error(shop_url, None)

    assert "127.0.0.1 requires an SSH key. Create a deploy key for the project" in message


async def test_an_unknown_key_is_reported(client: Client, shop_url: str) -> None:
    """After a rotation, for example, the Git provider does not know the new key yet."""
    message = await client.fetch_error(shop_url, Ed25519KeyPairGenerator().generate("other"))

    assert "127.0.0.1 rejected the project's deploy key. Add its public" in message


async def test_first_key_of_a_host_is_stored_and_logged(
    client: Client, shop_url: str, sshd: Sshd, deploy_key: KeyPair
) -> None:
    """The log shows the key once, with the fingerprint that the Git provider publishes."""
    await client.fetch(shop_url, deploy_key)
    await client.fetch(shop_url, deploy_key, "again")

    (sentence,) = [each for each in client.messages if MET in each]
    assert f"ed25519 {fingerprint_of(sshd.host_key)}) was stored" in sentence
    assert f"[127.0.0.1]:{sshd.port} {sshd.host_key}\n" == client.known_hosts_file.read_text()
    assert 0o600 == client.known_hosts_file.stat().st_mode & 0o777


async def test_key_of_a_rejecting_host_is_stored(client: Client, shop_url: str) -> None:
    await client.fetch_error(shop_url, None)

    assert MET in client.messages[-1]
    assert client.known_hosts_file.read_text()


async def test_changed_host_key_fails_the_fetch(
    client: Client, shop_url: str, sshd: Sshd, deploy_key: KeyPair
) -> None:
    """The stored host key is not replaced."""
    await client.fetch(shop_url, deploy_key)
    before = client.known_hosts_file.read_text()
    other = Ed25519KeyPairGenerator().generate("another host").public_key.rpartition(" ")[0]
    client.known_hosts_file.write_text(before.replace(sshd.host_key, other))

    message = await client.fetch_error(shop_url, deploy_key)

    assert CHANGED in message
    assert "known_hosts in the data directory" in message
    assert sshd.host_key not in client.known_hosts_file.read_text()


async def test_host_key_of_another_type_counts_as_changed(
    client: Client, shop_url: str, sshd: Sshd, deploy_key: KeyPair
) -> None:
    """The stored host key is not replaced, even if the server's key has another type."""
    client.known_hosts_file.write_text(f"[127.0.0.1]:{sshd.port} ecdsa-sha2-nistp256 AAAA\n")

    assert CHANGED in await client.fetch_error(shop_url, deploy_key)
    assert sshd.host_key not in client.known_hosts_file.read_text()


async def test_first_of_two_concurrent_fetches_determines_the_host_key(
    client: Client, shop_url: str, sshd: Sshd, tmp_path: Path
) -> None:
    url, file = parse_repo_url(shop_url, client.policy), tmp_path / "lent"
    host_keys = HostKeys(stored=client.known_hosts_file)
    alias = f"[127.0.0.1]:{sshd.port}"

    async def store_host_key() -> None:
        async with host_keys.known_hosts(url, file, client._record_message) as trust:
            assert HostKeyTrust.FIRST_USE is trust
            client.known_hosts_file.write_text(f"{alias} {sshd.host_key}\n")
            file.write_text(f"{alias} ssh-ed25519 AAAB\n")

    with pytest.raises(SourceError, match=CHANGED):
        await store_host_key()

    assert [] == client.messages


async def test_only_pinned_host_keys_are_trusted(
    client: Client, shop_url: str, sshd: Sshd, deploy_key: KeyPair, tmp_path: Path
) -> None:
    """If keys are pinned, the key of an unknown host is not stored."""
    pinned = tmp_path / "pinned"
    pinned.write_text(f"# ours\n[127.0.0.1]:{sshd.port} {sshd.host_key}\n")
    await client.fetch(shop_url, deploy_key, pinned_hosts=pinned)

    pinned.write_text(f"127.0.0.1 {sshd.host_key}\n")
    unknown = await client.fetch_error(shop_url, deploy_key, pinned_hosts=pinned)
    other = Ed25519KeyPairGenerator().generate("").public_key
    pinned.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
    changed = await client.fetch_error(shop_url, deploy_key, pinned_hosts=pinned)

    assert "is unknown." in unknown
    assert CHANGED in changed
    assert "PUSHPAKA_SSH_KNOWN_HOSTS" in unknown
    assert "PUSHPAKA_SSH_KNOWN_HOSTS" in changed
    assert not client.known_hosts_file.exists()


async def test_private_key_is_only_in_one_private_file_while_it_is_used(
    client: Client, shop_url: str, deploy_key: KeyPair
) -> None:
    """No process has the private key in its arguments or environment."""
    seen: set[str] = set()
    secret, others = deploy_key.private_key.splitlines()[2], _processes()

    async def watch_key(is_done: Callable[[], bool]) -> None:
        while not is_done():
            seen.update(_arguments_and_environments(client.directory, _processes() - others))
            for held in _files_containing(client.directory, deploy_key):
                with suppress(FileNotFoundError):
                    seen.add(f"{held.name} {held.stat().st_mode & 0o777:o}")
            await anyio.sleep(0.01)

    results: list[Checkout] = []
    async with create_task_group() as tasks:
        tasks.start_soon(watch_key, lambda: bool(results))
        results.append(await client.fetch(shop_url, deploy_key))

    assert any("IdentityFile=../deploy_key" in text for text in seen)
    assert not [text for text in seen if secret in text]
    assert {"deploy_key 600"} == {text for text in seen if text.startswith("deploy_key")}
    assert not _files_containing(client.directory, deploy_key)


async def test_a_missing_ssh_client_is_reported(
    client: Client, shop_url: str, deploy_key: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(client.directory))

    with pytest.raises(PlatformFaultError, match="openssh-client on Debian"):
        await client.fetch(shop_url, deploy_key)


def test_ssh_arguments_are_platform_options(
    policy: SourcePolicy,
) -> None:
    url = parse_repo_url("ssh://git@127.0.0.1:2222/a/b", policy)
    ssh_config = SshConfig(
        binary=Path("/opt/my tools/ssh"), has_key=True, trust=HostKeyTrust.FIRST_USE
    )

    command = split(ssh_config.environment(url, ip_address("127.0.0.1"))["GIT_SSH_COMMAND"])

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


def _arguments_and_environments(workspace: Path, processes: set[Path]) -> list[str]:
    """Return the arguments and environments of *processes* that belong to a fetch."""
    texts = [
        b"".join(_content(process / name) for name in ("cmdline", "environ"))
        for process in processes
    ]
    return [text.decode(errors="replace") for text in texts if str(workspace).encode() in text]


def _files_containing(directory: Path, deploy_key: KeyPair) -> list[Path]:
    """Return the files in a directory that contain the private key."""
    secret = deploy_key.private_key.splitlines()[2].encode()
    files = (Path(place, name) for place, _, names in os.walk(directory) for name in names)
    return [path for path in files if secret in _content(path)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""
