"""Validates repository URLs and pins the addresses that git connects to."""

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from socket import IPPROTO_TCP, SOCK_STREAM, gaierror
from typing import Self

import anyio
from attrs import evolve, field, frozen

from pushpaka_core.adapters.git.ssh import SshConfig
from pushpaka_core.domain.networks import IPAddress, literal_address
from pushpaka_core.domain.projects.sources import RepoUrl, SourcePolicy, parse_repo_url
from pushpaka_core.errors import SourceError

Resolve = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""Resolves a host name to all its addresses, or raises OSError."""

_TOKEN = re.compile(r"[!-~]{1,2000}")


@frozen(kw_only=True)
class Remote:
    """A repository URL, and the only addresses that git may connect to."""

    url: RepoUrl
    addresses: tuple[IPAddress, ...] = ()
    """The resolved addresses. A local path has none."""
    token: str | None = field(default=None, repr=False)
    ssh: SshConfig | None = None
    """The ssh configuration, for ssh URLs."""

    @property
    def options(self) -> tuple[str, ...]:
        """Git's command-line options for this remote, without secrets."""
        allowed = ("-c", f"protocol.{self.url.scheme}.allow=always")
        if not self._is_http or literal_address(self.url.host) == self.addresses[0]:
            return allowed
        pinned = ",".join(_bracketed(address) for address in self.addresses)
        rule = f"{self.url.host}:{self.url.effective_port}:{pinned}"
        return (*allowed, "-c", f"http.curloptResolve={rule}")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that give git access to this remote and no other."""
        protocol = {"GIT_ALLOW_PROTOCOL": self.url.scheme}
        if self.ssh is not None:
            return protocol | self.ssh.environment(self.url, self.addresses[0])
        if self.token is None or not self._is_http:
            return protocol
        return protocol | {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{self.url.origin}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {self._credentials}",
        }

    @property
    def with_git_suffix(self) -> Self | None:
        """
        The same remote with `.git` appended to its path, or None unless it is an HTTP URL that ends
        in neither `.git` nor `/`.
        """
        if not self._is_http or self.url.path.endswith((".git", "/")):
            return None
        return evolve(self, url=evolve(self.url, path=f"{self.url.path}.git"))

    def redacted(self, text: str) -> str:
        """Return *text* without the token, in any form that git may have printed it."""
        if self.token is None:
            return text
        secrets = {self._credentials, self.token, self.token.rpartition(":")[2]} - {""}
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    @property
    def _is_http(self) -> bool:
        return self.url.scheme in {"http", "https"}

    @property
    def _credentials(self) -> str:
        """
        User and password for HTTP basic authentication, in Base64. Any user name is valid with a
        token.
        """
        token = self.token or ""
        pair = token if ":" in token else f"x-access-token:{token}"
        return base64.b64encode(pair.encode()).decode()


async def resolve_remote(
    repo_url: str, token: str | None, /, *, policy: SourcePolicy, resolve: Resolve
) -> Remote:
    """
    Return the remote for *repo_url*.

    Raises:
        SourceError: If the policy forbids the URL or its addresses, the host name does not
            resolve, or the token has invalid characters.
    """
    try:
        url = parse_repo_url(repo_url, policy)
    except ValueError as error:
        raise SourceError(f"The repository URL cannot be used: it {error}.") from None
    if token is not None and not _TOKEN.fullmatch(token):
        raise SourceError(
            "The Git token contains spaces, line breaks or other invalid characters. Set a valid "
            "git_token."
        )
    if url.scheme == "file":
        return Remote(url=await _resolved_local_url(url, policy))
    return Remote(url=url, addresses=await _permitted_addresses(url, policy, resolve), token=token)


async def resolve_host(host: str, port: int) -> Sequence[IPAddress]:
    """Return the addresses of *host* from the system's resolver, IPv4 first."""
    answers = await anyio.getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    addresses = {ip_address(answer[4][0]) for answer in answers}
    return sorted(addresses, key=lambda address: (address.version, address.packed))


async def _permitted_addresses(
    url: RepoUrl, policy: SourcePolicy, resolve: Resolve
) -> tuple[IPAddress, ...]:
    known = literal_address(url.host)
    addresses = (known,) if known else tuple(await _resolved_addresses(url, resolve))
    if not all(policy.permits(address) for address in addresses):
        raise SourceError(
            f"{url.host} resolves to an address of this machine or a private network. The operator "
            "can allow this with PUSHPAKA_GIT_ALLOW_NETS."
        )
    return addresses


async def _resolved_addresses(url: RepoUrl, resolve: Resolve) -> Sequence[IPAddress]:
    try:
        addresses = await resolve(url.host, url.effective_port)
    except (gaierror, UnicodeError):
        addresses = ()
    if not addresses:
        raise SourceError(f"The host {url.host} was not found. Check the repository URL.")
    return addresses


async def _resolved_local_url(url: RepoUrl, policy: SourcePolicy) -> RepoUrl:
    """
    Return *url* with symbolic links resolved.

    Raises:
        SourceError: If the resolved path is outside the allowed directory.
    """
    root = await anyio.Path(policy.local_repo_root or "/").resolve()
    path = await anyio.Path(url.path).resolve()
    if not path.is_relative_to(root):
        raise SourceError(
            "The local repository is outside the allowed directory. The operator can change the "
            "allowed directory with PUSHPAKA_LOCAL_REPO_ROOT."
        )
    return evolve(url, path=str(Path(path)))


def _bracketed(address: IPAddress) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
