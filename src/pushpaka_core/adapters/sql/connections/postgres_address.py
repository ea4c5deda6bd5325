"""Parses the URL of a PostgreSQL database."""

import re
from collections.abc import Mapping
from ssl import CERT_NONE, CERT_REQUIRED, SSLContext, SSLError, create_default_context
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import field, frozen

from pushpaka_core.domain.validation import must_be_one_of
from pushpaka_core.errors import SettingsError

_PORT = 5432
_CONNECT_TIMEOUT = 3
_UNVERIFIED_MODES = frozenset({"allow", "prefer", "require"})
_MODES = frozenset({"disable", "verify-ca", "verify-full"}) | _UNVERIFIED_MODES


@frozen(kw_only=True)
class PostgresAddress:
    """Parameters of a connection. Environment variables such as PGHOST are not used."""

    host: str
    """A host name, an IP address, or the directory of a Unix socket."""
    port: int = _PORT
    user: str
    password: str = field(default="", repr=False)
    database: str
    tls: SSLContext | None = field(default=None, repr=False)
    is_tls_optional: bool = True
    """Whether to connect without TLS if the server does not support it."""
    connect_timeout: int = _CONNECT_TIMEOUT
    """Timeout for opening a connection."""
    server_settings: Mapping[str, str] = field(factory=dict)

    @classmethod
    def parse(cls, url: str) -> Self:
        """
        Parse a URL and load the certificates that it refers to.

        Raises:
            SettingsError: If it is invalid. The message does not include the URL, which contains a
                password.
        """
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            host, port = options.pop("host", "") or parts.hostname or "", parts.port or _PORT
        except ValueError:
            raise _invalid_url() from None
        database = unquote(parts.path.removeprefix("/"))
        if not (host and parts.username and database):
            raise _invalid_url()
        mode = options.pop("sslmode", "prefer")
        connect_timeout = options.pop("connect_timeout", str(_CONNECT_TIMEOUT))
        files = {name: options.pop(name, None) for name in ("sslrootcert", "sslcert", "sslkey")}
        return cls(
            host=host,
            port=port,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            database=database,
            tls=None if host.startswith("/") else _tls(mode, **files),
            is_tls_optional=mode in {"allow", "disable", "prefer"},
            connect_timeout=_seconds(connect_timeout),
            server_settings=options,
        )

    def arguments(self, *, is_unencrypted: bool) -> dict[str, Any]:
        """Return the keyword arguments for `asyncpg.connect`."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "ssl": False if is_unencrypted else self.tls or False,
            "timeout": self.connect_timeout,
        }


def _invalid_url() -> SettingsError:
    return SettingsError(
        "PUSHPAKA_DATABASE_URL is not valid. Use postgresql://<user>:<password>@<host>/<database>,"
        " with special characters in the password percent-encoded."
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
            f"The sslmode in PUSHPAKA_DATABASE_URL {must_be_one_of(sorted(_MODES))}."
        )
    if mode == "disable":
        return None
    try:
        context = create_default_context(cafile=sslrootcert)
        if sslcert is not None:
            context.load_cert_chain(sslcert, sslkey)
    except (OSError, SSLError) as error:
        raise SettingsError(
            f"A certificate or key in PUSHPAKA_DATABASE_URL cannot be used: {error}. Check the "
            "paths in sslrootcert, sslcert and sslkey."
        ) from None
    context.check_hostname = mode == "verify-full"
    is_unverified = mode in _UNVERIFIED_MODES and sslrootcert is None
    context.verify_mode = CERT_NONE if is_unverified else CERT_REQUIRED
    return context
