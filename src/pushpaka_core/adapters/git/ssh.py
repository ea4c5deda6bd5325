"""Configures ssh for git: one deploy key, and verified hosts only."""

import os
import shlex
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.adapters.git.host_keys import HostKeys, HostKeyTrust, known_hosts_name
from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.domain.projects.sources import RepoUrl
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.host.os_errors import translated_os_errors
from pushpaka_core.ports.progress import Reporter

_KEY = "deploy_key"
_KNOWN_HOSTS = "known_hosts"
# Paths are relative to git's home, so that they contain no % or ~, which ssh would expand.
# Keys and configuration of the user that runs the platform are not available to projects.
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
class SshConfig:
    """The ssh configuration of one fetch."""

    _binary: Path
    has_key: bool
    trust: HostKeyTrust

    def environment(self, url: RepoUrl, address: IPAddress) -> dict[str, str]:
        """
        Return environment variables that make git connect to *address* and verify the host of
        *url*.
        """
        options = {
            **_OPTIONS,
            "HostKeyAlias": known_hosts_name(url),
            "HostName": str(address),
            "IdentityFile": f"../{_KEY}" if self.has_key else "/dev/null",
            "PubkeyAuthentication": "yes" if self.has_key else "no",
            "StrictHostKeyChecking": "accept-new"
            if self.trust is HostKeyTrust.FIRST_USE
            else "yes",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        command = shlex.join([str(self._binary), "-F", "/dev/null", *flags])
        return {"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "ssh"}


@asynccontextmanager
async def open_ssh(
    url: RepoUrl, key: str | None, workspace: Path, host_keys: HostKeys, report: Reporter
) -> AsyncIterator[SshConfig]:
    """
    Write the files for ssh to *workspace*, and yield the ssh configuration.

    A new host key is stored after the block.

    Raises:
        PlatformFaultError: If ssh is not installed, or a file cannot be written.
        SourceError: If a concurrent fetch has stored another key of this host.
    """
    binary = await to_thread.run_sync(_find_ssh)
    if key is not None:
        with translated_os_errors("The deploy key cannot be written for ssh"):
            await to_thread.run_sync(_write_private_file, workspace / _KEY, key)
    async with host_keys.known_hosts(url, workspace / _KNOWN_HOSTS, report) as trust:
        yield SshConfig(binary=binary, has_key=key is not None, trust=trust)


def _find_ssh() -> Path:
    found = shutil.which("ssh")
    if found is None:
        raise PlatformFaultError(
            "The repository URL requires ssh, which is not installed on this host. Ask the "
            "operator to install the OpenSSH client (the package openssh-client on Debian)."
        )
    return Path(found).absolute()


def _write_private_file(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - it is open already
        file.write(text)
