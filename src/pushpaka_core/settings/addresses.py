"""Parsers for settings with a host, a URL, a port or a network."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.domain.routing.hosts import ANY_HOST, is_host_name
from pushpaka_core.settings.values import comma_separated, integer

_MAX_POOL_PREFIX = 26
"""The longest prefix whose network is large enough for one project."""
_MAX_BASE_DOMAIN_LENGTH = 189
"""
The maximum length of a base domain: the 253 characters of a host name, minus 63 for the label of an
application and one for the dot.
"""


def network_pool(text: str) -> IPv4Network:
    """Parse an IPv4 network that is large enough for several projects."""
    try:
        pool = IPv4Network(text.strip())
    except ValueError:
        pool = None
    if pool is None or pool.prefixlen > _MAX_POOL_PREFIX:
        raise ValueError(
            "must be an IPv4 network with at least 64 addresses, such as 10.213.0.0/16"
        )
    return pool


def networks(text: str) -> tuple[IPNetwork, ...]:
    """Parse a comma-separated list of networks."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"must be comma-separated networks such as 10.0.0.0/8,fd00::/8 ({error})"
        ) from None


def http_urls(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of http:// URLs without a path."""
    try:
        urls = [urlsplit(part.rstrip("/")) for part in comma_separated(text)]
        are_good = all(url == SplitResult("http", _host_and_port(url), "", "", "") for url in urls)
    except ValueError:
        are_good = False
    if not are_good:
        raise ValueError("must be comma-separated http:// URLs such as http://10.0.0.5:8081")
    return tuple(url.geturl() for url in urls)


def name_servers(text: str) -> tuple[tuple[str, int], ...]:
    """Parse a comma-separated list of IP addresses with optional ports (default 53)."""
    try:
        urls = [urlsplit(f"//{part}") for part in comma_separated(text)]
        return tuple((str(ip_address(url.hostname or "")), url.port or 53) for url in urls)
    except ValueError:
        raise ValueError(
            "must be comma-separated IP addresses such as 9.9.9.9,[::1]:5353"
        ) from None


def https_url(text: str) -> str:
    """Parse an https:// URL."""
    try:
        url = urlsplit(text)
        is_good = url.scheme == "https" and bool(_host_and_port(url)) and text == url.geturl()
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError("must be an https:// URL such as https://acme.example.com/directory")
    return text


def _host_and_port(url: SplitResult) -> str:
    """Return host and port of *url* without credentials, or raise ValueError if it has no host."""
    if not url.hostname or url.port == 0:
        raise ValueError("has no host")
    return url.netloc.rpartition("@")[2]


def own_address(text: str) -> str:
    """Parse an IPv4 address of this machine."""
    try:
        address = IPv4Address(text)
    except ValueError:
        address = IPv4Address(0)
    if address.is_unspecified or address.is_multicast:
        raise ValueError("must be an IPv4 address of this machine, such as 10.0.0.7")
    return str(address)


def domain(text: str) -> str:
    """Parse the base domain of applications."""
    if not is_host_name(text.lower()) or len(text) > _MAX_BASE_DOMAIN_LENGTH:
        raise ValueError(
            "must be a domain name such as apps.example.com, with only letters, digits, hyphens "
            "and dots"
        )
    return text.lower()


def host(text: str) -> str:
    """Parse an address or host name to listen on."""
    if not _is_host(text):
        raise ValueError("must be an IP address such as 127.0.0.1 or ::, or a host name")
    return text


def host_names(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of host names, or `*` for all."""
    found = comma_separated(text.lower())
    is_any = found == (ANY_HOST,)
    if not found or not (is_any or all(map(is_host_name, found))):
        raise ValueError(
            'must be comma-separated host names without ports, such as deploy.example.com, or "*"'
        )
    return found


def origins(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of origins, in the form that browsers send."""
    found = comma_separated(text.lower())
    if not found or not all(map(_is_origin, found)):
        raise ValueError("must be comma-separated origins such as https://dashboard.example.com")
    return found


def _is_origin(text: str) -> bool:
    try:
        url = urlsplit(text)
        name, port = url.hostname or "", url.port
    except ValueError:
        return False
    bracketed = f"[{name}]" if ":" in name else name
    place = bracketed if port is None else f"{bracketed}:{port}"
    return text in {f"http://{place}", f"https://{place}"} and _is_host(name)


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return is_host_name(text.lower())
    return True


def ports(text: str) -> range:
    """Parse a range of unprivileged ports."""
    first, _, last = text.partition("-")
    try:
        ports = range(integer(1024, 65_535)(first), integer(1024, 65_535)(last) + 1)
    except ValueError:
        ports = range(0)
    if not ports:
        raise ValueError("must be a range of ports from 1024 to 65535, such as 20000-29999")
    return ports


def database_url(text: str) -> str:
    """Parse a database URL."""
    if text != "memory:" and not text.startswith(("sqlite:////", "postgresql://", "postgres://")):
        raise ValueError(
            'must be "memory:", or a URL such as sqlite:////absolute/path or '
            "postgresql://user:password@host/database"
        )
    return text


def redis_url(text: str) -> str:
    """Parse a Redis URL. Errors do not repeat the value, which may contain a password."""
    try:
        url = urlsplit(text)
        is_placed = bool(url.path if url.scheme == "unix" else url.hostname and url.port != 0)
    except ValueError:
        is_placed = False
    if not is_placed or url.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(
            "must be a URL such as redis://host:6379/0, rediss://host:6379/0 or "
            "unix:///path/to/socket?db=0"
        )
    return text
