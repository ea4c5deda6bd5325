"""Repository URLs and images as sources of projects, and limits on the size of source code."""

import re
from collections.abc import Collection
from ipaddress import IPv6Address
from pathlib import PurePosixPath

from attrs import frozen

from pushpaka_core.domain.networks import (
    IPAddress,
    IPNetwork,
    is_allowed_address,
    is_in_any,
    literal_address,
)
from pushpaka_core.domain.projects.images import ImageReference, parse_image

ARCHIVE_URL = "archive:"
"""The repository URL of a project that deploys only uploaded archives."""
IMAGE_PREFIX = "image:"
"""The prefix of the repository URL of a project that deploys images from a registry."""

_MAX_LENGTH = 2000
_PORTS = range(1, 65536)
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "image": 443}

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
    """The operator's policy on which repositories projects can use."""

    allow_http: bool = False
    """Whether http:// URLs are allowed."""
    local_repo_root: PurePosixPath | None = None
    """The directory below which local repositories are allowed, or None to allow none."""
    allow_nets: tuple[IPNetwork, ...] = ()
    """Private networks whose addresses may be contacted."""
    allow_ports: Collection[int] = frozenset(
        {22, 80, 222, 443, 2222, 3000, 7990, 7999, 8080, 8443, 29418}
    )
    """Ports that are allowed. Addresses in allow_nets can have any port."""

    def permits(self, address: IPAddress) -> bool:
        """Return True if *address* may be contacted."""
        return is_allowed_address(address, allowed_networks=self.allow_nets)


@frozen(kw_only=True)
class RepoUrl:
    """A parsed repository URL. `str` rebuilds the URL from its parts."""

    scheme: str
    """
    The scheme: "https", "http", "ssh" or "file". For projects without a Git repository, "archive"
    or "image".
    """
    host: str = ""
    """A lowercase name or an IP address (IPv6 without brackets). Empty for a local path."""
    port: int | None = None
    """The port, or None for the scheme's default."""
    user: str | None = None
    """The account on an SSH server, or None."""
    path: str
    """
    The path as given. Without a leading slash, it is relative to the home directory of the SSH
    account.
    """

    @property
    def text(self) -> str:
        """Return the URL in the form that Git accepts. A local URL is returned as a plain path."""
        match self.scheme:
            case "file":
                return self.path
            case "archive":
                return ARCHIVE_URL
            case "image":
                return f"{IMAGE_PREFIX}{self.origin.removeprefix('image://')}{self.path}"
            case "ssh" if not self.path.startswith("/"):
                return f"{self.user}@{self._bracketed_host}:{self.path}"
            case _:
                return f"{self.origin}{self.path}"

    @property
    def origin(self) -> str:
        """Return the URL up to the path: scheme, account, host and port."""
        account = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{account}{self._bracketed_host}{port}"

    @property
    def server(self) -> str:
        """Return scheme, host and port: the server that the repository's secrets may be sent to."""
        return f"{self.scheme}://{self._bracketed_host}:{self.effective_port}"

    @property
    def effective_port(self) -> int:
        """Return the port, or the scheme's default."""
        return self.port or _DEFAULT_PORTS[self.scheme]

    @property
    def _bracketed_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_repo_url(text: str, policy: SourcePolicy) -> RepoUrl:
    """
    Parse a repository URL and check it against *policy*.

    No DNS lookup is made. The addresses of a host name are checked when it is used.

    Raises:
        ValueError: If the URL is malformed or *policy* forbids it. The message is a clause.
    """
    _check_characters(text)
    if text.lower() == ARCHIVE_URL:
        return RepoUrl(scheme="archive", path="")
    if text.lower().startswith(IMAGE_PREFIX):
        return _parse_image(text[len(IMAGE_PREFIX) :], policy)
    if match := _URL.fullmatch(text):
        scheme = match["scheme"].lower()
        if scheme == "file":
            return _parse_local(match["authority"], match["path"], policy)
        return _parse_remote(scheme, match["authority"], match["path"], policy)
    if match := _SCP.fullmatch(text):
        return _parse_scp(match["user"], match["host"], match["path"], policy)
    if text.startswith("/"):
        return _parse_local("", text, policy)
    raise ValueError(
        "must be an https:// or ssh:// URL, or an address such as git@host:path. Without Git, use "
        f'"{ARCHIVE_URL}" to upload files, or "{IMAGE_PREFIX}" followed by the name of an image'
    )


def image_of(repo_url: str) -> ImageReference | None:
    """Return the image that a valid repository URL names, or None if it names no image."""
    return parse_image(repo_url[len(IMAGE_PREFIX) :]) if repo_url.startswith(IMAGE_PREFIX) else None


def _check_characters(text: str) -> None:
    """Raise ValueError if *text* contains characters that URL parsers drop or treat differently."""
    if not 1 <= len(text) <= _MAX_LENGTH:
        raise ValueError(f"must have 1 to {_MAX_LENGTH} characters")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be plain ASCII without spaces, line breaks or control characters")
    if "\\" in text:
        raise ValueError("must not contain a backslash")


def _parse_remote(scheme: str, authority: str, path: str, policy: SourcePolicy) -> RepoUrl:
    _check_scheme(scheme, policy)
    match = _AUTHORITY.fullmatch(authority)
    if scheme != "ssh" and "@" in authority:
        raise ValueError("must not contain a user name, password or token. Set git_token instead")
    if match is None:
        raise _authority_error(authority)
    return _require_permitted(
        RepoUrl(
            scheme=scheme,
            host=_normalized_host(match["host"]),
            port=_parse_port(match["port"]),
            user=_valid_user(match["user"]),
            path=_valid_remote_path(path),
        ),
        policy,
    )


def _parse_scp(user: str, host: str, path: str, policy: SourcePolicy) -> RepoUrl:
    if path.startswith(("-", ":")):
        raise ValueError('must not have a path that starts with "-" or ":"')
    url = RepoUrl(
        scheme="ssh",
        host=_normalized_host(host),
        user=_valid_user(user),
        path=_valid_remote_path(path),
    )
    return _require_permitted(url, policy)


def _parse_image(text: str, policy: SourcePolicy) -> RepoUrl:
    image = parse_image(text)
    match = _AUTHORITY.fullmatch(image.registry)
    if match is None:
        raise _authority_error(image.registry)
    url = RepoUrl(
        scheme="image",
        host=_normalized_host(match["host"]),
        port=_parse_port(match["port"]),
        path=str(image).removeprefix(image.registry),
    )
    _require_permitted_address(url, policy)
    return url


def _parse_local(authority: str, path: str, policy: SourcePolicy) -> RepoUrl:
    if policy.local_repo_root is None:
        raise ValueError(
            "must be an https:// or ssh:// URL. The operator can allow local paths with "
            "PUSHPAKA_LOCAL_REPO_ROOT"
        )
    if authority or not _LOCAL_PATH.fullmatch(path):
        raise ValueError("must be an absolute path with only ASCII letters, digits and punctuation")
    _check_segments(path)
    if not PurePosixPath(path).is_relative_to(policy.local_repo_root):
        raise ValueError("must be inside the directory in PUSHPAKA_LOCAL_REPO_ROOT")
    return RepoUrl(scheme="file", path=path)


def _check_scheme(scheme: str, policy: SourcePolicy) -> None:
    if scheme == "http" and not policy.allow_http:
        raise ValueError(
            "must start with https://, because this instance does not allow plain HTTP"
        )
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("must start with https:// or ssh://")


def _authority_error(authority: str) -> ValueError:
    if "@" in authority and ":" in authority.rpartition("@")[0]:
        return ValueError("must not contain a password or token. Set git_token instead")
    return ValueError("must contain one host, and at most one port from 1 to 65535, after //")


def _normalized_host(text: str) -> str:
    """Return *text* in the normalized form in which hosts are compared."""
    host = text.lower()
    if host.startswith("["):
        return _canonical_ipv6(host.strip("[]"))
    host = host.removesuffix(".")
    if not _HOST.fullmatch(host):
        raise ValueError("must contain a host name with only letters, digits, hyphens and dots")
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]) and not literal_address(host):
        raise ValueError("must contain an IPv4 address as four decimal numbers")
    return host


def _canonical_ipv6(text: str) -> str:
    """Return the canonical form of an IPv6 address, independent of the Python version."""
    try:
        address = IPv6Address(text)
    except ValueError:
        raise ValueError("must contain an IPv6 address between the brackets") from None
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else str(address)


def _parse_port(text: str | None) -> int | None:
    if text is None:
        return None
    if int(text) not in _PORTS:
        raise ValueError("must contain a port from 1 to 65535")
    return int(text)


def _valid_user(text: str | None) -> str | None:
    if text is None:
        return None
    if ":" in text:
        raise ValueError("must not contain a password or token. Set git_token instead")
    if not _USER.fullmatch(text):
        raise ValueError(
            "must have a user name with only letters, digits, underscores, dots and hyphens before "
            "the @"
        )
    return text


def _valid_remote_path(path: str) -> str:
    if not _REMOTE_PATH.fullmatch(path):
        raise ValueError(
            "must contain a repository path after the host, without a query or fragment, and with "
            "special characters percent-encoded"
        )
    _check_segments(path)
    return path


def _check_segments(path: str) -> None:
    parts = path.strip("/").split("/")
    if any(part in {".", ".."} for part in parts) or "//" in path:
        raise ValueError('must not have a path with empty parts, "." or ".."')


def _require_permitted_address(url: RepoUrl, policy: SourcePolicy) -> None:
    address = literal_address(url.host)
    if address and not policy.permits(address):
        raise ValueError(
            "must not point to this machine or a private network. The operator can allow "
            "networks with PUSHPAKA_GIT_ALLOW_NETS"
        )


def _require_permitted(url: RepoUrl, policy: SourcePolicy) -> RepoUrl:
    _require_permitted_address(url, policy)
    address = literal_address(url.host)
    is_vouched_for = address is not None and is_in_any(address, policy.allow_nets)
    if not is_vouched_for and url.effective_port not in policy.allow_ports:
        ports = ", ".join(str(port) for port in sorted(policy.allow_ports))
        raise ValueError(f"must use one of the ports {ports}")
    return url


@frozen(kw_only=True)
class SourceLimits:
    """Limits on the content of a repository or an uploaded archive."""

    files: int = 50_000
    """The maximum number of files."""
    total_bytes: int = 1 << 30
    """The maximum size of all files together, and of the transferred Git pack, in bytes."""
    depth: int = 200
    """The maximum nesting depth of directories."""
