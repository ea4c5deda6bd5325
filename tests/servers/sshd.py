"""Real SSH servers on the loopback interface with their own host keys and authorized keys."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from attrs import define, field
from tests.served_instance import free_port

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


def sshd_unavailable_reason() -> str | None:
    """Return why no SSH server can be started, or None."""
    if _sshd() is None:
        return "sshd is not installed (on Debian it is in the package openssh-server)"
    return None


@define
class Sshd:
    """An SSH server on which each authorized key can fetch from one repository."""

    address: str
    port: int
    _directory: Path
    _keys: list[str] = field(factory=list, init=False)

    @property
    def account(self) -> str:
        """Return the name of the only account."""
        return getpass.getuser()

    @property
    def host_key(self) -> str:
        """Return the type and the public key of the host, as in known_hosts."""
        return " ".join((self._directory / "host_key.pub").read_text().split()[:2])

    def url(self, repository: Path) -> str:
        """Return the URL of a repository on the server."""
        return f"ssh://{self.account}@{self.address}:{self.port}{repository}"

    def authorize(self, public_key: str, repository: Path) -> None:
        """Allow a key to fetch from *repository*, but nothing else."""
        command = f"git-upload-pack '{repository}'"
        self._keys.append(f'restrict,command="{command}" {public_key}\n')
        (self._directory / "authorized_keys").write_text("".join(self._keys))

    def stop_responding(self) -> None:
        """Still accept authorized keys, but do not respond to their commands."""
        lines = [line.replace("git-upload-pack", "sleep 600;") for line in self._keys]
        (self._directory / "authorized_keys").write_text("".join(lines))

    def resume_responding(self) -> None:
        """Respond to the commands of authorized keys again."""
        (self._directory / "authorized_keys").write_text("".join(self._keys))

    def revoke_all(self) -> None:
        """Reject all keys that were authorized before."""
        self._keys.clear()
        (self._directory / "authorized_keys").write_text("")


@contextmanager
def open_sshd(
    directory: Path, *, address: str = "127.0.0.1", port: int | None = None
) -> Iterator[Sshd]:
    """Run an SSH server with a new host key, and with its files in the new *directory*."""
    server = Sshd(address, port or free_port(), directory)
    directory.mkdir(mode=0o700)
    _make_host_key(directory)
    server.revoke_all()
    configuration = directory / "sshd_config"
    configuration.write_text(
        _CONFIGURATION.format(address=address, port=server.port, directory=directory)
    )
    if os.geteuid() == 0:
        # sshd uses this directory for privilege separation.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    command = [str(_sshd()), "-D", "-e", "-f", str(configuration)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        log = process.stderr
        assert log is not None
        assert any(b"Server listening" in line for line in log), "sshd does not listen"
        listening = Thread(target=log.read)
        listening.start()
        try:
            yield server
        finally:
            process.terminate()
            listening.join()


def _make_host_key(directory: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / "host_key")]
    subprocess.run(command, check=True)


def _sshd() -> str | None:
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
