"""How repository URLs are judged, by their form alone."""

import re
from collections.abc import Collection
from ipaddress import IPv6Address
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.domain.networks import (
    IPAddress,
    IPNetwork,
    is_listed,
    known_address,
    may_be_contacted,
)

WITHOUT_GIT = "archive:"
"""The address of a project that no repository has, and whose files are sent as archives."""

_MOST_CHARACTERS = 2000
_PORTS = range(1, 65536)
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>.*)")
_SCP = re.compile(r"(?P<user>[^@:/]+)@(?P<host>\[[^\]]*\]|[^@:/\[\]]+):(?P<path>.*)")
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^@]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
)
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)*"
)
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_REMOTE_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+")
_LOCAL_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]+")


@frozen(kw_only=True)
class SourcePolicy:
    """Which repositories the operator lets projects name."""

    allow_http: bool = False
    local_repo_root: PurePosixPath | None = None
    """Local repositories may lie below this directory; None allows none at all."""
    allow_nets: tuple[IPNetwork, ...] = ()
    """Networks that may be contacted although they are not public."""
    allow_ports: Collection[int] = frozenset(
        {22, 80, 222, 443, 2222, 3000, 7990, 7999, 8080, 8443, 29418}
    )
    """Where forges listen; an address in allow_nets may have any port."""

    def permits(self, address: IPAddress) -> bool:
        """Tell whether *address* may be contacted."""
        return may_be_contacted(address, allow_nets=self.allow_nets)


@frozen(kw_only=True)
class RepoUrl:
    """The address of a repository, taken apart; its text is rebuilt from the parts."""

    scheme: str
    """One of https, http, ssh, file, and archive where there is no repository."""
    host: str = ""
    """A lower-case name or an address (IPv6 without brackets); empty for a local path."""
    port: int | None = None
    """None for the scheme's own."""
    user: str | None = None
    """The account on an ssh server."""
    path: str
    """As it was written; without a leading slash it is relative to the ssh account's home."""

    @property
    def text(self) -> str:
        """Return the address as git takes it; a local one as a plain path."""
        match self.scheme:
            case "file":
                return self.path
            case "archive":
                return WITHOUT_GIT
            case "ssh" if not self.path.startswith("/"):
                return f"{self.user}@{self._bracketed_host}:{self.path}"
            case _:
                return f"{self.origin}{self.path}"

    @property
    def origin(self) -> str:
        """Return scheme, account, host and port: everything before the path."""
        account = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{account}{self._bracketed_host}{port}"

    @property
    def server(self) -> str:
        """Return to whom secrets of the repository may be told."""
        return f"{self.scheme}://{self._bracketed_host}:{self.contacted_port}"

    @property
    def contacted_port(self) -> int:
        """Return the port that is connected to, given or not."""
        return self.port or _DEFAULT_PORTS[self.scheme]

    @property
    def _bracketed_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_repo_url(text: str, policy: SourcePolicy) -> RepoUrl:
    """
    Return the parts of *text*.

    Nothing is looked up: a name is judged again, by its addresses, when it is used.

    Raises:
        ValueError: With a sentence that begins with "must", if *policy* or its form forbids it.
    """
    _check_characters(text)
    if text.lower() == WITHOUT_GIT:
        return RepoUrl(scheme="archive", path="")
    if match := _URL.fullmatch(text):
        scheme = match["scheme"].lower()
        if scheme == "file":
            return _local(match["authority"], match["path"], policy)
        return _remote(scheme, match["authority"], match["path"], policy)
    if match := _SCP.fullmatch(text):
        return _scp_like(match["user"], match["host"], match["path"], policy)
    if text.startswith("/"):
        return _local("", text, policy)
    raise ValueError(
        "must be an address that begins with https:// or ssh://, or git@host:path; or "
        f'"{WITHOUT_GIT}" for a project without Git'
    )


def _check_characters(text: str) -> None:
    """Refuse what URL parsers drop or disagree about, before anything is parsed."""
    if not 1 <= len(text) <= _MOST_CHARACTERS:
        raise ValueError(f"must have 1 to {_MOST_CHARACTERS} characters")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be plain ASCII without spaces, line breaks or control characters")
    if "\\" in text:
        raise ValueError("must not contain a backslash")


def _remote(scheme: str, authority: str, path: str, policy: SourcePolicy) -> RepoUrl:
    _check_scheme(scheme, policy)
    match = _AUTHORITY.fullmatch(authority)
    if scheme != "ssh" and "@" in authority:
        raise ValueError("must not contain a user name, password or token: use git_token for it")
    if match is None:
        raise _bad_authority(authority)
    return _judged(
        RepoUrl(
            scheme=scheme,
            host=_host(match["host"]),
            port=_port(match["port"]),
            user=_user(match["user"]),
            path=_remote_path(path),
        ),
        policy,
    )


def _scp_like(user: str, host: str, path: str, policy: SourcePolicy) -> RepoUrl:
    if path.startswith(("-", ":")):
        raise ValueError('must not have a path that begins with "-" or ":"')
    url = RepoUrl(scheme="ssh", host=_host(host), user=_user(user), path=_remote_path(path))
    return _judged(url, policy)


def _local(authority: str, path: str, policy: SourcePolicy) -> RepoUrl:
    if policy.local_repo_root is None:
        raise ValueError(
            "must be an https:// or ssh:// address; local paths are allowed only below "
            "the directory that the operator names by PUSHPAKA_LOCAL_REPO_ROOT"
        )
    if authority or not _LOCAL_PATH.fullmatch(path):
        raise ValueError("must be an absolute path of plain letters, digits and punctuation")
    _check_segments(path)
    if not PurePosixPath(path).is_relative_to(policy.local_repo_root):
        raise ValueError("must lie below the directory that the operator allows for repositories")
    return RepoUrl(scheme="file", path=path)


def _check_scheme(scheme: str, policy: SourcePolicy) -> None:
    if scheme == "http" and not policy.allow_http:
        raise ValueError("must begin with https://; plain http is not allowed on this instance")
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("must begin with https:// or ssh://")


def _bad_authority(authority: str) -> ValueError:
    if "@" in authority and ":" in authority.rpartition("@")[0]:
        return ValueError("must not contain a password or token: use git_token for it")
    return ValueError("must name one host, and at most one port from 1 to 65535, after the //")


def _host(text: str) -> str:
    """Return *text* in the one form in which hosts are compared."""
    host = text.lower()
    if host.startswith("["):
        return _ipv6(host.strip("[]"))
    host = host.removesuffix(".")
    if not _HOST.fullmatch(host):
        raise ValueError("must name a host of letters, digits, hyphens and dots")
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]) and not known_address(host):
        raise ValueError("must write an IPv4 address as four decimal numbers")
    return host


def _ipv6(text: str) -> str:
    """Return the one form of an address; Python's own differs by version for mapped ones."""
    try:
        address = IPv6Address(text)
    except ValueError:
        raise ValueError("must have an IPv6 address between the brackets") from None
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else str(address)


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if int(text) not in _PORTS:
        raise ValueError("must have a port from 1 to 65535")
    return int(text)


def _user(text: str | None) -> str | None:
    if text is None:
        return None
    if ":" in text:
        raise ValueError("must not contain a password or token: use git_token for it")
    if not _USER.fullmatch(text):
        raise ValueError("must have an account of letters, digits and _ . - before the @")
    return text


def _remote_path(path: str) -> str:
    if not _REMOTE_PATH.fullmatch(path):
        raise ValueError(
            "must name a repository after the host, without query or fragment "
            "and with unusual characters percent-encoded"
        )
    _check_segments(path)
    return path


def _check_segments(path: str) -> None:
    parts = path.strip("/").split("/")
    if any(part in {".", ".."} for part in parts) or "//" in path:
        raise ValueError('must not have "." or ".." or nothing between two slashes of its path')


def _judged(url: RepoUrl, policy: SourcePolicy) -> RepoUrl:
    address = known_address(url.host)
    if address and not policy.permits(address):
        raise ValueError(
            "must not point to this machine or a private network, unless the operator "
            "allows it by PUSHPAKA_GIT_ALLOW_NETS"
        )
    is_vouched_for = address is not None and is_listed(address, policy.allow_nets)
    if not is_vouched_for and url.contacted_port not in policy.allow_ports:
        ports = ", ".join(str(port) for port in sorted(policy.allow_ports))
        raise ValueError(f"must use a port on which repositories are served, one of {ports}")
    return url
