"""Where the addresses of repositories lead, whether or not anybody may go there."""

import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import PurePosixPath

from pushpaka_core.domain.sources import SourcePolicy, parse_repo_url

_CREDENTIALS = re.compile(r"(?<=^https:)//[^/?#]*@|(?<=^http:)//[^/?#]*@")
_ANYTHING = SourcePolicy(
    allow_http=True,
    local_repo_root=PurePosixPath("/"),
    allow_nets=(IPv4Network("0.0.0.0/0"), IPv6Network("::/0")),
    allow_ports=range(1, 65536),
)


def server_of(text: str) -> str:
    """Return scheme, host and port of a repository's address, or nothing where it names none."""
    try:
        url = parse_repo_url(text, _ANYTHING)
    except ValueError:
        return ""
    return url.server if url.host else ""


def without_credentials(text: str) -> str:
    """Return an address as it may be told, which names nobody where it is one by HTTP."""
    return _CREDENTIALS.sub("//", text)


def are_same_repository(one: str, other: str) -> bool:
    """Tell whether two addresses, by whatever protocol and account, lead to one repository."""
    place = _place(one)
    return one == other or (place is not None and place == _place(other))


def _place(text: str) -> tuple[str, str] | None:
    """Return host and path, without what forges let one leave out; None where it is no address."""
    try:
        url = parse_repo_url(without_credentials(text), _ANYTHING)
    except ValueError:
        return None
    return url.host, url.path.strip("/").removesuffix(".git").lower()
