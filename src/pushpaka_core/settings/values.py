"""
Declares settings, and parses their values.

Parsers raise ValueError with a clause such as "must be a number".
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from attrs import field

from pushpaka_core.domain.platform.failpoints import (
    DEPLOYMENT_FAILPOINTS,
    REQUEST_FAILPOINTS,
    RESTORE_FAILPOINTS,
    ROLLBACK_FAILPOINTS,
    SNAPSHOT_FAILPOINTS,
    TAKEOVER_FAILPOINTS,
    Fault,
    InjectedFault,
)
from pushpaka_core.domain.routing.hosts import is_host_name
from pushpaka_core.domain.validation import must_be_one_of

C = TypeVar("C", bound=StrEnum)

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_GUESSABLE_PARTS = (
    *("change", "secret", "password", "example", "insecure", "default", "replace"),
    "0123456789abcdef0123456789abcdef",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)
"""Parts of example keys from tutorials, which people copy into their configuration."""
_UNSUPPORTED_CHARACTERS = ":\\#?*"
"""Characters that Python, Node or Vite do not support in the path of an application."""


def one_of(choices: type[C]) -> Callable[[str], C]:
    """Return a parser for the members of *choices*."""

    def parse(text: str) -> C:
        try:
            return choices(text)
        except ValueError:
            raise ValueError(must_be_one_of(choices)) from None

    return parse


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser for integers from *minimum* to *maximum*."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def seconds(text: str) -> timedelta:
    """Parse a number of seconds, from 1 to 86,400 (one day)."""
    return timedelta(seconds=integer(1, 86_400)(text))


def archive_seconds(text: str) -> timedelta:
    """
    Parse a number of seconds, from 1 to 3,000. The maximum is below one hour, after which an upload
    counts as abandoned.
    """
    return timedelta(seconds=integer(1, 3_000)(text))


def boolean(text: str) -> bool:
    """Parse `true` or `false`."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def absolute_path(text: str) -> Path:
    """Parse an absolute path."""
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    return Path(text)


def data_directory(text: str) -> Path:
    """Parse an absolute path in which applications can be built."""
    path = absolute_path(text)
    if not text.isprintable() or any(character in text for character in _UNSUPPORTED_CHARACTERS):
        raise ValueError(
            f"must not contain unprintable characters or any of "
            f"{' '.join(_UNSUPPORTED_CHARACTERS)} "
            "because Python, Node or Vite cannot build applications in such a path"
        )
    return path


def comma_separated(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of words."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def email(text: str) -> str:
    """Parse an email address."""
    name, _, host = text.rpartition("@")
    if not name or not is_host_name(host.lower()) or not text.isascii() or " " in text:
        raise ValueError("must be an email address such as ops@example.com")
    return text


def label(text: str) -> str:
    """Parse a name of up to 63 letters, digits, dots, underscores and hyphens."""
    if not _LABEL.fullmatch(text):
        raise ValueError(
            "must be 1 to 63 letters, digits, dots, underscores or hyphens, and start with a "
            "letter or digit"
        )
    return text


def secret(text: str) -> str:
    """Parse a secret of at least 32 characters, and reject guessable values."""
    if (
        len(text) < 32
        or len(set(text)) < 10
        or any(part in text.lower() for part in _GUESSABLE_PARTS)
    ):
        raise ValueError(
            "must be a random secret with at least 32 characters. "
            "Generate one with `openssl rand -base64 48`"
        )
    return text


def key_ring(text: str) -> Mapping[str, bytes]:
    """Parse encryption keys by id. The first one is the current key."""
    try:
        pairs = [part.partition("=") for part in comma_separated(text)]
        keys = {label(key_id): b64decode(key, validate=True) for key_id, _, key in pairs}
    except ValueError:
        keys = {}
    if not keys or len(keys) < len(pairs) or any(len(key) != 32 for key in keys.values()):
        raise ValueError(
            "must be comma-separated keys such as k1=<base64 of 32 bytes>, the current key first. "
            "Generate a key with `openssl rand -base64 32`"
        )
    return keys


def fast_lease_timeout(text: str) -> timedelta:
    """
    Parse "fast" or "fast:<seconds>" into the time after which a lease without heartbeats is lost.

    The default is 4 seconds.
    """
    name, _, seconds = text.partition(":")
    if name != "fast" or not (seconds or "4").isdigit():
        raise ValueError('must be "fast" or "fast:<seconds until a silent lease is lost>"')
    return timedelta(seconds=int(seconds or "4"))


def failpoint(text: str) -> InjectedFault:
    """Parse "<step>:<effect>" into a fault to inject."""
    step, _, effect = text.partition(":")
    known = (
        *REQUEST_FAILPOINTS,
        *DEPLOYMENT_FAILPOINTS,
        *ROLLBACK_FAILPOINTS,
        *TAKEOVER_FAILPOINTS,
        *SNAPSHOT_FAILPOINTS,
        *RESTORE_FAILPOINTS,
    )
    if step not in known or effect not in set(Fault):
        steps, effects = ", ".join(known), ", ".join(Fault)
        raise ValueError(
            f"must be <step>:<effect>, with a step of {steps} and an effect of {effects}"
        )
    return InjectedFault(step=step, fault=Fault(effect))


def setting(parse: Callable[[str], Any], help: str, **options: Any) -> Any:
    """
    Return an attrs field for a setting.

    Args:
        parse: Parses the value of the environment variable, or raises ValueError with a clause such
            as "must be a number".
        help: The description in the documentation.
        options: Further arguments of `attrs.field`, for example `default`.
    """
    return field(metadata={"parse": parse, "help": help}, **options)
