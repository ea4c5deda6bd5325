"""The repository at the other end, judged and pinned before git hears of it."""

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from socket import IPPROTO_TCP, SOCK_STREAM, gaierror
from typing import Self

import anyio
from attrs import evolve, field, frozen

from pushpaka_core.adapters.git.ssh import Ssh
from pushpaka_core.domain.networks import IPAddress, known_address
from pushpaka_core.domain.sources import RepoUrl, SourcePolicy, parse_repo_url
from pushpaka_core.errors import SourceError

Resolve = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""Looks a host name up: every address that it has, or OSError."""

_TOKEN = re.compile(r"[!-~]{1,2000}")


@frozen(kw_only=True)
class Remote:
    """A repository with the only addresses under which git may contact it."""

    url: RepoUrl
    addresses: tuple[IPAddress, ...] = ()
    """None for a local path."""
    token: str | None = field(default=None, repr=False)
    ssh: Ssh | None = None
    """By what an ssh server is reached."""

    @property
    def options(self) -> tuple[str, ...]:
        """Return what git is told about this remote on its command line: no secrets."""
        allowed = ("-c", f"protocol.{self.url.scheme}.allow=always")
        if not self._is_http or known_address(self.url.host) == self.addresses[0]:
            return allowed
        pinned = ",".join(_in_brackets(address) for address in self.addresses)
        rule = f"{self.url.host}:{self.url.contacted_port}:{pinned}"
        return (*allowed, "-c", f"http.curloptResolve={rule}")

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that opens this remote and no other."""
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
    def suffixed(self) -> Self | None:
        """Return the same remote with .git behind its path, or None where that makes no sense."""
        if not self._is_http or self.url.path.endswith((".git", "/")):
            return None
        return evolve(self, url=evolve(self.url, path=f"{self.url.path}.git"))

    def redacted(self, text: str) -> str:
        """Return *text* without the token, in whatever form git may have printed it."""
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
        """Return user and password as HTTP carries them; forges take any user beside a token."""
        token = self.token or ""
        pair = token if ":" in token else f"x-access-token:{token}"
        return base64.b64encode(pair.encode()).decode()


async def reach(
    repo_url: str, token: str | None, /, *, policy: SourcePolicy, resolve: Resolve
) -> Remote:
    """
    Return the remote behind *repo_url*.

    Raises:
        SourceError: If the policy forbids it, or its name has no address, or an inner one.
    """
    try:
        url = parse_repo_url(repo_url, policy)
    except ValueError as error:
        raise SourceError(f"The repository URL cannot be used: it {error}.") from None
    if token is not None and not _TOKEN.fullmatch(token):
        raise SourceError("The git token has spaces, line breaks or letters that no token has.")
    if url.scheme == "file":
        return Remote(url=await _below_root(url, policy))
    return Remote(url=url, addresses=await _judged_addresses(url, policy, resolve), token=token)


async def look_up(host: str, port: int) -> Sequence[IPAddress]:
    """Return what the system's resolver says of *host*, IPv4 first."""
    answers = await anyio.getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    addresses = {ip_address(answer[4][0]) for answer in answers}
    return sorted(addresses, key=lambda address: (address.version, address.packed))


async def _judged_addresses(
    url: RepoUrl, policy: SourcePolicy, resolve: Resolve
) -> tuple[IPAddress, ...]:
    known = known_address(url.host)
    addresses = (known,) if known else tuple(await _resolved(url, resolve))
    if not all(policy.permits(address) for address in addresses):
        raise SourceError(
            f"{url.host} leads to an address of this machine or a private network. The operator "
            "can allow that by PUSHPAKA_GIT_ALLOW_NETS."
        )
    return addresses


async def _resolved(url: RepoUrl, resolve: Resolve) -> Sequence[IPAddress]:
    try:
        addresses = await resolve(url.host, url.contacted_port)
    except (gaierror, UnicodeError):
        addresses = ()
    if not addresses:
        raise SourceError(f"The host {url.host} was not found. Check the repository URL.")
    return addresses


async def _below_root(url: RepoUrl, policy: SourcePolicy) -> RepoUrl:
    """Return *url* without symbolic links, which could lead out of the allowed directory."""
    root = await anyio.Path(policy.local_repo_root or "/").resolve()
    path = await anyio.Path(url.path).resolve()
    if not path.is_relative_to(root):
        raise SourceError("The local repository leads out of the directory that is allowed.")
    return evolve(url, path=str(Path(path)))


def _in_brackets(address: IPAddress) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
