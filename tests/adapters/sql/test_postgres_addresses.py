"""The forms in which people write where their PostgreSQL server is."""

from ssl import CERT_NONE, CERT_REQUIRED, VerifyMode

import pytest

from pushpaka_core.adapters.sql.postgres_address import PostgresAddress
from pushpaka_core.errors import SettingsError


def test_every_part_is_read() -> None:
    """Percent-encoded characters are meant, and what is not ours is the server's."""
    address = PostgresAddress.parse(
        "postgres://me%40home:p%2Fw%3A@db.example.com:6432/my%20db?search_path=apps"
    )

    assert ("db.example.com", 6432) == (address.host, address.port)
    assert ("me@home", "p/w:", "my db") == (address.user, address.password, address.database)
    assert {"search_path": "apps"} == address.server_settings


def test_the_least_that_is_needed() -> None:
    """The port is the usual one, and there need be no password."""
    address = PostgresAddress.parse("postgresql://me@localhost/db")

    assert (5432, "", {}) == (address.port, address.password, address.server_settings)


def test_a_socket_is_named_by_its_directory() -> None:
    """It needs no TLS."""
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
def test_tls_is_as_strict_as_it_says(
    mode: str, verified: VerifyMode, *, checks_name: bool, may_be_plain: bool
) -> None:
    """The words mean what they mean to other programs."""
    address = PostgresAddress.parse(f"postgresql://me@localhost/db?sslmode={mode}")

    assert address.tls is not None
    assert (verified, checks_name) == (address.tls.verify_mode, address.tls.check_hostname)
    assert may_be_plain == address.may_be_plain


def test_tls_may_be_turned_off() -> None:
    """On a network that nobody else is on."""
    assert PostgresAddress.parse("postgresql://me@localhost/db?sslmode=disable").tls is None


def test_a_server_that_is_slow_to_answer_is_waited_for_longer() -> None:
    """As long as other programs would, by the same word; the server is not told of it."""
    usual = PostgresAddress.parse("postgresql://me@localhost/db")
    patient = PostgresAddress.parse("postgresql://me@localhost/db?connect_timeout=20")

    assert (3, 20) == (usual.connect_seconds, patient.connect_seconds)
    assert {} == patient.server_settings


@pytest.mark.parametrize("seconds", ["0", "-1", "2.5", "soon", "²", "9" * 9999])
def test_who_is_waited_for_is_waited_for_some_seconds(seconds: str) -> None:
    """Not for ever, and not for what is no number."""
    with pytest.raises(SettingsError, match="connect_timeout in PUSHPAKA_DATABASE_URL must be"):
        PostgresAddress.parse(f"postgresql://me@localhost/db?connect_timeout={seconds}")


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
def test_what_cannot_be_read_is_not_quoted(url: str) -> None:
    """The sentence says what it should look like, and nothing of the password."""
    with pytest.raises(SettingsError, match="cannot be read; use postgresql://") as refusal:
        PostgresAddress.parse(url)

    assert "sec" not in str(refusal.value).replace("special", "")


def test_a_password_is_not_shown() -> None:
    """An address may be printed."""
    assert "secret" not in repr(PostgresAddress.parse("postgresql://me:secret@localhost/db"))
