"""Tokens in the keyring of the desktop."""

import json
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError
from tests.cli.client.desks import Desk, Place


class Desktop(KeyringBackend):
    """A keyring as desktops have one, which may be locked."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # it has no types
        self.entries: dict[tuple[str, str], str] = {}
        self.refusal: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self._require_unlocked()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._require_unlocked()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError("There is none.")

    def _require_unlocked(self) -> None:
        if self.refusal is not None:
            raise self.refusal


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    before, desktop = keyring.get_keyring(), Desktop()
    keyring.set_keyring(desktop)
    yield desktop
    keyring.set_keyring(before)


def test_a_token_is_kept_in_the_keyring(desk: Desk, place: Place, desktop: Desktop) -> None:
    """Where there is one, no file has the token, and signing out empties it."""
    desk.sign_up(place, "ann@example.com")
    (token,) = desktop.entries.values()

    listed = desk.run("contexts", "list").stdout
    me = desk.json("whoami")
    desk.run("logout")

    assert token not in desk.context_file.read_text()
    assert "keyring" in listed
    assert "ann@example.com" == me["email"]
    assert {} == desktop.entries


@pytest.mark.parametrize(
    "refusal", [KeyringLocked("It is locked."), ConnectionResetError("There is no bus.")]
)
def test_a_keyring_that_refuses_is_told(
    desk: Desk, place: Place, desktop: Desktop, refusal: Exception
) -> None:
    """With what to do; and what is to be kept while it does, goes into the file."""
    name = type(refusal).__name__.lower()
    desk.sign_up(place, f"bob.{name}@example.com")
    desktop.refusal = refusal

    refused = desk.run("whoami", code=1)
    desk.sign_up(place, f"carl.{name}@example.com")

    (context,) = json.loads(desk.context_file.read_text())["by_name"].values()
    assert "Unlock it" in refused.stderr
    assert context["token"].startswith("ppk_")
