"""How git speaks to ssh servers: by one project's key, and to nobody who only claims a name."""

import os
import shlex
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.adapters.git.host_keys import HostKeys, Report, Trust, alias_of
from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.domain.sources import RepoUrl
from pushpaka_core.errors import PlatformFaultError

_KEY = "deploy_key"
_KNOWN_HOSTS = "known_hosts"
# Relative to git's home in the workspace: no path has to be quoted for ssh, which expands % and ~.
# The keys and the configuration of whoever runs the platform are not lent to projects.
_OPTIONS = {
    "BatchMode": "yes",
    "CanonicalizeHostname": "no",
    "CheckHostIP": "no",
    "ClearAllForwardings": "yes",
    "ConnectTimeout": "30",
    "ControlMaster": "no",
    "ControlPath": "none",
    "ForwardAgent": "no",
    "GlobalKnownHostsFile": "/dev/null",
    "HashKnownHosts": "no",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "PermitLocalCommand": "no",
    "PreferredAuthentications": "publickey",
    "ProxyCommand": "none",
    "ServerAliveInterval": "15",
    "UpdateHostKeys": "no",
    "UserKnownHostsFile": f"../{_KNOWN_HOSTS}",
}


@frozen(kw_only=True)
class Ssh:
    """How ssh is run for one fetch."""

    _binary: Path
    has_key: bool
    trust: Trust

    def environment(self, url: RepoUrl, address: IPAddress) -> dict[str, str]:
        """Return what has git connect to *address* and find the host of *url* there."""
        options = {
            **_OPTIONS,
            "HostKeyAlias": alias_of(url),
            "HostName": str(address),
            "IdentityFile": f"../{_KEY}" if self.has_key else "/dev/null",
            "PubkeyAuthentication": "yes" if self.has_key else "no",
            "StrictHostKeyChecking": "accept-new" if self.trust is Trust.FIRST_USE else "yes",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        command = shlex.join([str(self._binary), "-F", "/dev/null", *flags])
        return {"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "ssh"}


@asynccontextmanager
async def open_ssh(
    url: RepoUrl, key: str | None, workspace: Path, host_keys: HostKeys, report: Report
) -> AsyncIterator[Ssh]:
    """
    Lay what ssh needs into *workspace*, and remember the host that is met there.

    Raises:
        PlatformFaultError: If ssh is not installed, or the host cannot keep its files.
        SourceError: If the host has shown somebody else another key meanwhile.
    """
    binary = await to_thread.run_sync(_find_ssh)
    if key is not None:
        try:
            await to_thread.run_sync(_write_privately, workspace / _KEY, key)
        except OSError as error:
            raise PlatformFaultError(
                f"The deploy key cannot be lent to ssh: {error.strerror}."
            ) from error
    async with host_keys.lent(url, workspace / _KNOWN_HOSTS, report) as trust:
        yield Ssh(binary=binary, has_key=key is not None, trust=trust)


def _find_ssh() -> Path:
    found = shutil.which("ssh")
    if found is None:
        raise PlatformFaultError(
            "The repository is reached by ssh, and there is no ssh program here. The operator "
            "installs OpenSSH's client, which is the package openssh-client on Debian."
        )
    return Path(found).absolute()


def _write_privately(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - it is open already
        file.write(text)
