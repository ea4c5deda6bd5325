"""Real ssh servers on loopback, each with a host key and an account's keys of its own."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from threading import Thread

from attrs import define, field

_CONFIGURATION = """
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Banner none
"""


def lacks_sshd() -> str | None:
    """Return why there is no ssh server to start."""
    if _sshd() is None:
        return "sshd is not installed (on Debian it is in the package openssh-server)"
    return None


@define
class Sshd:
    """A server that lets the keys in that it is given, to fetch from one repository."""

    address: str
    port: int
    _directory: Path
    _keys: list[str] = field(factory=list, init=False)

    @property
    def account(self) -> str:
        """Return whom it lets in."""
        return getpass.getuser()

    @property
    def host_key(self) -> str:
        """Return kind and key of the host, as known_hosts has them."""
        return " ".join((self._directory / "host_key.pub").read_text().split()[:2])

    def url(self, repository: Path) -> str:
        """Return the address of a repository on it."""
        return f"ssh://{self.account}@{self.address}:{self.port}{repository}"

    def admit(self, public_key: str, repository: Path) -> None:
        """Let a key fetch from *repository*, and do nothing else."""
        command = f"git-upload-pack '{repository}'"
        self._keys.append(f'restrict,command="{command}" {public_key}\n')
        (self._directory / "authorized_keys").write_text("".join(self._keys))

    def delay(self) -> None:
        """Let every key in that was admitted, and then say nothing."""
        lines = [line.replace("git-upload-pack", "sleep 600;") for line in self._keys]
        (self._directory / "authorized_keys").write_text("".join(lines))

    def hurry(self) -> None:
        """Serve again what was delayed."""
        (self._directory / "authorized_keys").write_text("".join(self._keys))

    def expel(self) -> None:
        """Let no key in any more."""
        self._keys.clear()
        (self._directory / "authorized_keys").write_text("")


@contextmanager
def open_sshd(
    directory: Path, *, address: str = "127.0.0.1", port: int | None = None
) -> Iterator[Sshd]:
    """Serve ssh on loopback, with a new host key; *directory* is made for what belongs to it."""
    server = Sshd(address, port or _free_port(), directory)
    directory.mkdir(mode=0o700)
    _make_host_key(directory)
    server.expel()
    configuration = directory / "sshd_config"
    configuration.write_text(
        _CONFIGURATION.format(address=address, port=server.port, directory=directory)
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it shuts itself in
    command = [str(_sshd()), "-D", "-e", "-f", str(configuration)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = process.stderr
        assert said is not None
        assert any(b"Server listening" in line for line in said), "sshd does not listen"
        listening = Thread(target=said.read)
        listening.start()
        try:
            yield server
        finally:
            process.terminate()
            listening.join()


def _make_host_key(directory: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / "host_key")]
    subprocess.run(command, check=True)


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sshd() -> str | None:
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
