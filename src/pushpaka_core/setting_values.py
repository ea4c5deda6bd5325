"""How the text of each setting is read; a ValueError says what it must be."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from pushpaka_core.domain.failpoints import STEPS_OF_REQUESTS, STEPS_THAT_FAIL, Effect, Failpoint
from pushpaka_core.domain.hosts import is_host_name
from pushpaka_core.domain.networks import IPNetwork

_LEAST_POOL = 26
"""The longest prefix that leaves addresses for one project."""

C = TypeVar("C", bound=StrEnum)

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LONGEST_BASE_DOMAIN = 189
"""A host name has 253 characters at most, and the label of an application 63."""
_KNOWN = (
    *("change", "secret", "password", "example", "insecure", "default", "replace"),
    "0123456789abcdef0123456789abcdef",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)
"""Parts of keys that stand in guides, from where they are copied into whole generations of .env."""


def one_of(choices: type[C]) -> Callable[[str], C]:
    """Return what reads a member of *choices*."""

    def parse(text: str) -> C:
        try:
            return choices(text)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(choices)}") from None

    return parse


def integer(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number from *least* to *most*."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def seconds(text: str) -> timedelta:
    """Read a number of seconds, at most a day."""
    return timedelta(seconds=integer(1, 86_400)(text))


def flag(text: str) -> bool:
    """Read a yes or no."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def absolute(text: str) -> Path:
    """Read an absolute path."""
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    return Path(text)


def network_pool(text: str) -> IPv4Network:
    """Accept a network of IPv4 with room for some projects."""
    try:
        pool = IPv4Network(text.strip())
    except ValueError:
        pool = None
    if pool is None or pool.prefixlen > _LEAST_POOL:
        raise ValueError("must be a network as in 10.213.0.0/16, with at least 64 addresses")
    return pool


def networks(text: str) -> tuple[IPNetwork, ...]:
    """Read networks, parted by commas."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"must be networks as in 10.0.0.0/8,fd00::/8 ({error})") from None


def names(text: str) -> tuple[str, ...]:
    """Read words, parted by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def http_urls(text: str) -> tuple[str, ...]:
    """Read where programs of ours listen, parted by commas."""
    try:
        urls = [urlsplit(part.rstrip("/")) for part in names(text)]
        are_good = all(url == SplitResult("http", _place(url), "", "", "") for url in urls)
    except ValueError:
        are_good = False
    if not are_good:
        raise ValueError("must be addresses as in http://10.0.0.5:8081,http://10.0.0.6:8081")
    return tuple(url.geturl() for url in urls)


def name_servers(text: str) -> tuple[tuple[str, int], ...]:
    """Read addresses and ports of name servers, parted by commas."""
    try:
        urls = [urlsplit(f"//{part}") for part in names(text)]
        return tuple((str(ip_address(url.hostname or "")), url.port or 53) for url in urls)
    except ValueError:
        raise ValueError("must be addresses as in 9.9.9.9,[::1]:5353") from None


def https_url(text: str) -> str:
    """Read where a server on the Internet answers."""
    try:
        url = urlsplit(text)
        is_good = url.scheme == "https" and bool(_place(url)) and text == url.geturl()
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError("must be an address as in https://acme.example.com/directory")
    return text


def email(text: str) -> str:
    """Read an e-mail address."""
    name, _, host = text.rpartition("@")
    if not name or not is_host_name(host.lower()) or not text.isascii() or " " in text:
        raise ValueError("must be an e-mail address as in ops@example.com")
    return text


def _place(url: SplitResult) -> str:
    """Return what of *url* says where to connect; ValueError where nothing does."""
    if not url.hostname or url.port == 0:
        raise ValueError("no place")
    return url.netloc.rpartition("@")[2]


def own_address(text: str) -> str:
    """Read an address under which others reach this machine."""
    try:
        address = IPv4Address(text)
    except ValueError:
        address = IPv4Address(0)
    if address.is_unspecified or address.is_multicast:
        raise ValueError("must be an IPv4 address of this machine, as in 10.0.0.7")
    return str(address)


def label(text: str) -> str:
    """Read a short name for people and programs."""
    if not _LABEL.fullmatch(text):
        raise ValueError("must be a name of at most 63 letters, digits and ._-")
    return text


def domain(text: str) -> str:
    """Read the domain below which applications have names."""
    if not is_host_name(text.lower()) or len(text) > _LONGEST_BASE_DOMAIN:
        raise ValueError(
            "must be a domain name as in apps.example.com, of letters, digits and - between dots"
        )
    return text.lower()


def host(text: str) -> str:
    """Read where to listen."""
    if not _is_host(text):
        raise ValueError("must be an address as in 127.0.0.1 or ::, or the name of a host")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Read origins as browsers send them, parted by commas."""
    found = names(text.lower())
    if not found or not all(map(_is_origin, found)):
        raise ValueError("must be origins as in https://dashboard.example.com, parted by commas")
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
    """Read a range of unprivileged ports."""
    first, _, last = text.partition("-")
    try:
        ports = range(integer(1024, 65_535)(first), integer(1024, 65_535)(last) + 1)
    except ValueError:
        ports = range(0)
    if not ports:
        raise ValueError("must be a range of ports as in 20000-29999")
    return ports


def database_url(text: str) -> str:
    """Read the address of a database."""
    if text != "memory:" and not text.startswith(("sqlite:////", "postgresql://", "postgres://")):
        raise ValueError(
            "must be memory:, sqlite:////absolute/path or postgresql://user:password@host/database"
        )
    return text


def redis_url(text: str) -> str:
    """Read the address of Redis; it may hold a password, so that nothing of it is repeated."""
    try:
        url = urlsplit(text)
        is_placed = bool(url.path if url.scheme == "unix" else url.hostname and url.port != 0)
    except ValueError:
        is_placed = False
    if not is_placed or url.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(
            "must be redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket?db=0"
        )
    return text


def secret(text: str) -> str:
    """Read a secret that nobody could guess."""
    if len(text) < 32 or len(set(text)) < 10 or any(part in text.lower() for part in _KNOWN):
        raise ValueError(
            "must be a secret of your own with at least 32 characters; "
            "`openssl rand -base64 48` makes one"
        )
    return text


def key_ring(text: str) -> Mapping[str, bytes]:
    """Read keys by their ids; the first one is the current."""
    try:
        pairs = [part.partition("=") for part in names(text)]
        keys = {label(key_id): b64decode(key, validate=True) for key_id, _, key in pairs}
    except ValueError:
        keys = {}
    if not keys or len(keys) < len(pairs) or any(len(key) != 32 for key in keys.values()):
        raise ValueError(
            "must be keys as in k1=<base64 of 32 bytes>, the current one first; "
            "`openssl rand -base64 32` makes one"
        )
    return keys


def word(*choices: str) -> Callable[[str], str]:
    """Return what reads one of *choices*."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return parse


def failpoint(text: str) -> Failpoint:
    """Read what goes wrong at which step."""
    step, _, effect = text.partition(":")
    known = (*STEPS_OF_REQUESTS, *STEPS_THAT_FAIL)
    if step not in known or effect not in set(Effect):
        steps, effects = ", ".join(known), ", ".join(Effect)
        raise ValueError(f"must be <step>:<effect> of {steps} and {effects}")
    return Failpoint(step=step, effect=Effect(effect))
