"""Tests the parsing of PostgreSQL URLs."""

from ssl import CERT_NONE, CERT_REQUIRED, VerifyMode

import pytest

from pushpaka_core.adapters.sql.connections.postgres_address import PostgresAddress
from pushpaka_core.errors import SettingsError


def test_every_part_is_parsed() -> None:
    """Percent-encoded characters are decoded, and unknown parameters are passed to the server."""
    address = PostgresAddress.parse(
        "postgres://me%40home:p%2Fw%3A@db.example.com:6432/my%20db?search_path=apps"
    )

    assert ("db.example.com", 6432) == (address.host, address.port)
    assert ("me@home", "p/w:", "my db") == (address.user, address.password, address.database)
    assert {"search_path": "apps"} == address.server_settings
    assert "p/w" not in repr(address)


def test_omitted_parts_have_defaults() -> None:
    address = PostgresAddress.parse("postgresql://me@localhost/db")

    assert (5432, "", {}) == (address.port, address.password, address.server_settings)
    assert 3 == address.connect_timeout


def test_a_socket_needs_no_tls() -> None:
    """The parameter `host` of the URL is the directory of the socket."""
    address = PostgresAddress.parse("postgresql://me@/db?host=/run/postgresql")

    assert ("/run/postgresql", None) == (address.host, address.tls)


@pytest.mark.parametrize(
    ("mode", "verified", "checks_name", "may_be_plain"),
    [
        ("prefer", CERT_NONE, False, True),
        ("require", CERT_NONE, False, False),
        ("verify-ca", CERT_REQUIRED, False, False),
        ("verify-full", CERT_REQUIRED, True, False),
    ],
)
def test_sslmode_selects_the_verification(
    mode: str, verified: VerifyMode, *, checks_name: bool, may_be_plain: bool
) -> None:
    address = PostgresAddress.parse(f"postgresql://me@localhost/db?sslmode={mode}")

    assert address.tls is not None
    assert (verified, checks_name) == (address.tls.verify_mode, address.tls.check_hostname)
    assert may_be_plain == address.is_tls_optional


def test_tls_can_be_turned_off() -> None:
    assert PostgresAddress.parse("postgresql://me@localhost/db?sslmode=disable").tls is None


def test_connect_timeout_is_not_sent_to_the_server() -> None:
    address = PostgresAddress.parse("postgresql://me@localhost/db?connect_timeout=20")

    assert (20, {}) == (address.connect_timeout, address.server_settings)


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "soon", "²", "9" * 9999])
def test_connect_timeout_is_a_positive_number(value: str) -> None:
    with pytest.raises(SettingsError, match="connect_timeout in PUSHPAKA_DATABASE_URL must be"):
        PostgresAddress.parse(f"postgresql://me@localhost/db?connect_timeout={value}")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql://localhost/db",
        "postgresql://me:secret@localhost",
        "postgresql://me:secret@localhost/",
        "postgresql://me:secret@localhost:port/db",
        "postgresql://me:sec/ret@localhost/db",
        "postgresql://me:sec#ret@localhost/db",
        "postgresql://me:secret@[localhost/db",
        "postgresql://me:secret@localhost/db?sslmode",
    ],
)
def test_invalid_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"is not valid\. Use postgresql://") as refusal:
        PostgresAddress.parse(url)

    assert "sec" not in str(refusal.value).replace("special", "")
