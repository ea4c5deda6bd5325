"""Where a PostgreSQL server is, and how it is spoken to, from the usual form of its URL."""

import re
from collections.abc import Mapping
from ssl import CERT_NONE, CERT_REQUIRED, SSLContext, SSLError, create_default_context
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import field, frozen

from pushpaka_core.errors import SettingsError

_PORT = 5432
_CONNECT_SECONDS = 3
_UNVERIFIED = frozenset({"allow", "prefer", "require"})
_MODES = frozenset({"disable", "verify-ca", "verify-full"}) | _UNVERIFIED


@frozen(kw_only=True)
class PostgresAddress:
    """All that a connection needs to know, with nothing left to the environment."""

    host: str
    """A name, an address, or the directory of a socket."""
    port: int = _PORT
    user: str
    password: str = field(default="", repr=False)
    database: str
    tls: SSLContext | None = field(default=None, repr=False)
    may_be_plain: bool = True
    """Whether a server without TLS is spoken to all the same."""
    connect_seconds: int = _CONNECT_SECONDS
    """How long is waited for a connection."""
    server_settings: Mapping[str, str] = field(factory=dict)

    @classmethod
    def parse(cls, url: str) -> Self:
        """
        Read an address, and the files with certificates that it names.

        Raises:
            SettingsError: If that cannot be done; it never quotes the address.
        """
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            host, port = options.pop("host", "") or parts.hostname or "", parts.port or _PORT
        except ValueError:
            raise _unreadable() from None
        database = unquote(parts.path.removeprefix("/"))
        if not (host and parts.username and database):
            raise _unreadable()
        mode = options.pop("sslmode", "prefer")
        connect_timeout = options.pop("connect_timeout", str(_CONNECT_SECONDS))
        files = {name: options.pop(name, None) for name in ("sslrootcert", "sslcert", "sslkey")}
        return cls(
            host=host,
            port=port,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            database=database,
            tls=None if host.startswith("/") else _tls(mode, **files),
            may_be_plain=mode in {"allow", "disable", "prefer"},
            connect_seconds=_seconds(connect_timeout),
            server_settings=options,
        )

    def arguments(self, *, is_plain: bool) -> dict[str, Any]:
        """Return what the driver wants to be told."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "ssl": False if is_plain else self.tls or False,
            "timeout": self.connect_seconds,
        }


def _unreadable() -> SettingsError:
    return SettingsError(
        "PUSHPAKA_DATABASE_URL cannot be read; use postgresql://<user>:<password>@<host>/<database>"
        ", with special characters of the password percent-encoded."
    )


def _seconds(connect_timeout: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", connect_timeout):
        raise SettingsError(
            "The connect_timeout in PUSHPAKA_DATABASE_URL must be a whole number of seconds "
            "from 1 to 9999."
        )
    return int(connect_timeout)


def _tls(
    mode: str, *, sslrootcert: str | None, sslcert: str | None, sslkey: str | None
) -> SSLContext | None:
    if mode not in _MODES:
        raise SettingsError(
            f"The sslmode in PUSHPAKA_DATABASE_URL must be one of {', '.join(sorted(_MODES))}."
        )
    if mode == "disable":
        return None
    try:
        context = create_default_context(cafile=sslrootcert)
        if sslcert is not None:
            context.load_cert_chain(sslcert, sslkey)
    except (OSError, SSLError) as error:
        raise SettingsError(
            f"A certificate that PUSHPAKA_DATABASE_URL names cannot be used ({error})."
        ) from None
    context.check_hostname = mode == "verify-full"
    is_unverified = mode in _UNVERIFIED and sslrootcert is None
    context.verify_mode = CERT_NONE if is_unverified else CERT_REQUIRED
    return context
