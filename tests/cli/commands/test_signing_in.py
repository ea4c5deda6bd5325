"""Tests `pushpaka login`, `logout`, `whoami` and `contexts`, and where tokens are stored."""

import json
import os
import socket
from collections.abc import Iterator

import httpx
import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError
from tests.cli.commands.machines import Machine, Server
from tests.http.clients import PASSWORD

from pushpaka_http.cli.auth.clients import create_client

WRONG_TOKEN = "ppk_" + "0" * 64


def status_of(server: Server, token: str) -> int:
    """Return the status of a request with *token*."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.url}/api/v1/auth/me", headers=headers, trust_env=False).status_code


def context_of(machine: Machine) -> dict[str, str]:
    """Return the only context of a machine."""
    (context,) = json.loads(machine.context_file.read_text())["by_name"].values()
    return dict(context)


@pytest.fixture
def impatient_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine whose commands do not retry if the server does not respond."""
    monkeypatch.setattr(create_client, "__kwdefaults__", {"retry_seconds": 0, "timeout": 30})
    return machine


class TestLogin:
    """Tests that `login` stores a token for this machine, and that `logout` revokes it."""

    def test_registration_signs_in(self, machine: Machine, server: Server) -> None:
        """The token is stored, and the next command uses the new account."""
        words = ("--register", "--email", "eve@example.com", "--name", "Eve", "--password-stdin")
        made = machine.run("login", server.url, *words, input=f"{PASSWORD}\n")

        me = machine.run("whoami")
        assert f"Signed in to {server.url} as eve@example.com.\n" == made.stdout
        assert f"The token is stored in {machine.context_file}" in made.stderr
        assert "Next: pushpaka init" in made.stderr
        assert PASSWORD not in made.output
        assert ["eve@example.com", "Eve", "user", server.url] == [
            line.split()[-1] for line in me.stdout.splitlines()[:4]
        ]

    def test_a_token_is_created_for_this_machine(self, machine: Machine, server: Server) -> None:
        """The token has the name of the machine, and only the owner can read its file."""
        machine.sign_up(server, "dan@example.com")

        (token,) = machine.json("tokens", "list")["data"]
        assert context_of(machine)["token_id"] == token["id"]
        assert context_of(machine)["token"].startswith(token["prefix"])
        assert "full" == token["scope"]
        assert socket.gethostname() in token["name"]
        assert 0o600 == machine.context_file.stat().st_mode & 0o777
        assert 0o700 == machine.context_file.parent.stat().st_mode & 0o777

    def test_signing_in_again_revokes_the_earlier_token(
        self, machine: Machine, server: Server
    ) -> None:
        """A machine has only one token at a time."""
        machine.sign_up(server, "hal@example.com")
        before = context_of(machine)["token"]

        words = ("--email", "hal@example.com", "--password-stdin")
        machine.run("login", server.url, *words, input=f"{PASSWORD}\n")

        assert 401 == status_of(server, before)
        assert 1 == len(machine.json("tokens", "list")["data"])

    def test_signing_out_revokes_the_token(self, machine: Machine, server: Server) -> None:
        """The token is also removed from the machine."""
        machine.sign_up(server, "ian@example.com")
        token = context_of(machine)["token"]

        machine.run("logout")

        assert 401 == status_of(server, token)
        assert token not in machine.context_file.read_text()
        asked = machine.run("whoami", code=1)
        assert f"You are not signed in to {server.url}. Run: pushpaka login" in asked.stderr

    def test_the_session_is_stored_if_no_token_can_be_created(
        self, machine: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message explains the reason. The session can be used, and `logout` ends it."""
        monkeypatch.setattr("pushpaka_core.services.accounts.api_tokens.MAX_TOKENS", 0)
        words = ("login", server.url, "--register", "--email", "kim@example.com")
        result = machine.run(*words, "--password-stdin", input=f"{PASSWORD}\n")
        token = context_of(machine)["token"]
        monkeypatch.undo()

        made = machine.json("tokens", "create", "ci")
        machine.run("logout")

        assert "You already have 0 API tokens" in result.stderr
        assert (401, 200) == (status_of(server, token), status_of(server, made["token"]))

    def test_a_token_from_the_user_is_not_revoked(
        self, ann: Machine, machine: Machine, server: Server
    ) -> None:
        """Signing out only removes the token from the machine."""
        made = ann.json("tokens", "create", "ci", "--password-stdin", input=f"{PASSWORD}\n")
        machine.run("login", server.url, "--token-stdin", input=f"{made['token']}\n")

        me = machine.json("whoami")
        machine.run("logout")

        assert "ann@example.com" == me["email"]
        assert 200 == status_of(server, made["token"])

    def test_a_wrong_password_stores_nothing(self, machine: Machine, server: Server) -> None:
        """The error explains how to reset the password, and the exit code is 1."""
        words = ("--email", "nobody@example.com", "--password-stdin")
        refused = machine.run("login", server.url, *words, input="wrong\n", code=1)

        assert refused.stderr.startswith("Error: ")
        assert "wrong" not in refused.stderr.splitlines()[1:]
        assert f"sign in to the dashboard: {server.url}\n" in refused.stderr
        assert "pushpaka users reset-password nobody@example.com\n" in refused.stderr
        assert "pushpaka login" not in refused.stderr
        assert not machine.context_file.exists()

    def test_wrong_fields_are_shown_line_by_line(self, machine: Machine, server: Server) -> None:
        """Each line is a sentence about one field."""
        words = ("--register", "--email", "no-address", "--password-stdin")
        refused = machine.run("login", server.url, *words, input="short\n", code=1)

        lines = sorted(refused.stderr.splitlines())
        assert 2 == len(lines)
        for field, line in zip(("email", "password"), lines, strict=True):
            assert line.startswith(f"Error: {field} must ")
            assert line.endswith(".")

    @pytest.mark.usefixtures("at_a_terminal")
    def test_a_new_password_is_asked_for_until_it_is_long_enough(
        self, machine: Machine, server: Server
    ) -> None:
        """The length is checked before the password is repeated, and so is the repetition."""
        words = ("--register", "--email", "lou@example.com")
        typed = ("short", PASSWORD, "another", PASSWORD, PASSWORD)

        made = machine.run("login", server.url, *words, input="\n".join([*typed, ""]))

        assert [
            "Password (at least 8 characters):",
            "Error: The password must have 8 to 1024 characters.",
            "Password (at least 8 characters):",
            "Repeat for confirmation:",
            "Error: The two passwords do not match.",
            "Password (at least 8 characters):",
            "Repeat for confirmation:",
        ] == [line.strip() for line in made.stderr.splitlines()[:7]]
        assert f"Signed in to {server.url} as lou@example.com.\n" == made.stdout

    def test_no_prompt_without_a_terminal(self, machine: Machine, server: Server) -> None:
        """The message names the option to use instead."""
        no_email = machine.run("login", server.url, code=2)
        no_password = machine.run("login", server.url, "--email", "ann@example.com", code=2)
        no_server = machine.run("login", code=2)

        assert "Use --email." in no_email.stderr
        assert "Use --password-stdin." in no_password.stderr
        assert "pushpaka login https://" in no_server.stderr

    def test_server_is_checked_before_any_prompt(self, impatient_machine: Machine) -> None:
        """A wrong URL is reported before the user enters the password."""
        words = ("--email", "ann@example.com", "--password-stdin")
        refused = impatient_machine.run("login", "http://127.0.0.1:9", code=1)
        given = impatient_machine.run("login", "http://127.0.0.1:9", *words, input="x\n", code=1)

        assert refused.stderr.startswith("Error: http://127.0.0.1:9/api/v1 cannot be reached: ")
        assert refused.stderr == given.stderr

    @pytest.mark.parametrize(
        ("address", "requested_url"),
        [
            ("deploy.invalid", "https://deploy.invalid"),
            ("localhost:9", "http://localhost:9"),
            ("127.0.0.1.invalid", "https://127.0.0.1.invalid"),
            ("http://deploy.invalid/api/v1/", "http://deploy.invalid"),
        ],
    )
    def test_an_address_can_be_abbreviated(
        self, impatient_machine: Machine, address: str, requested_url: str
    ) -> None:
        """HTTPS is the default for other machines. Plain HTTP to them causes a warning."""
        refused = impatient_machine.run("login", address, "--token-stdin", input="ppk_0\n", code=1)

        assert requested_url in refused.stderr
        assert ("does not use https" in refused.stderr) is (
            requested_url == "http://deploy.invalid"
        )

    @pytest.mark.parametrize(
        "given", ["http://[", "[", "ftp://deploy.invalid", "https://a:b@c.invalid"]
    )
    def test_a_malformed_address_is_refused(self, machine: Machine, given: str) -> None:
        """The token is not sent to any server."""
        refused = machine.run("login", given, "--token-stdin", input="ppk_0\n", code=1)

        assert refused.stderr.startswith("Error: The server URL must ")


class TestContextFile:
    """Tests the file in which tokens are stored."""

    def test_file_that_others_can_access_is_rejected(
        self, machine: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Other users could read the token, or change the server to which it is sent."""
        machine.sign_up(server, "gus@example.com")
        machine.context_file.chmod(0o640)
        readable = machine.run("whoami", code=1).stderr
        me = os.geteuid()
        monkeypatch.setattr("os.geteuid", lambda: me + 1)
        owned = machine.run("whoami", code=1).stderr

        assert "Other users can read" in readable
        assert f"chmod 600 {machine.context_file}" in readable
        assert "belongs to another user" in owned

    @pytest.mark.parametrize("text", ["", "[]", '{"current": 1}', '{"by_name": {"a": {"x": 1}}}'])
    def test_a_damaged_file_is_refused(self, machine: Machine, text: str) -> None:
        """The message asks the user to remove the file and to sign in again."""
        machine.context_file.parent.mkdir()
        machine.context_file.write_text(text)
        machine.context_file.chmod(0o600)

        assert "Remove the file, then run: pushpaka login" in machine.run("whoami", code=1).stderr

    def test_contexts_have_names(self, ann: Machine, machine: Machine, server: Server) -> None:
        """One context is current, another one can be selected, and typos get a suggestion."""
        token = context_of(ann)["token"]
        for name in ("production", "staging"):
            words = ("login", server.url, "--context", name, "--token-stdin")
            machine.run(*words, input=f"{token}\n")

        listed = machine.json("contexts", "list")["data"]
        machine.run("contexts", "use", "production")
        current = machine.run("contexts", "list").stdout
        machine.run("contexts", "remove", "production")
        typo = machine.run("whoami", "--context", "stagin", code=1)

        staging = {"name": "staging", "url": server.url, "is_current": True, "token_is_in": "file"}
        assert staging in listed
        assert ["production", server.url, "yes", "file"] in [
            line.split() for line in current.splitlines()
        ]
        assert 'Did you mean "staging"?' in typo.stderr
        assert server.url in machine.run("whoami", "--context", "staging").stdout


class TestEnvironment:
    """Tests PUSHPAKA_CLIENT_URL and PUSHPAKA_CLIENT_TOKEN, which replace a context in CI."""

    def test_environment_variables_replace_the_context_file(
        self, ann: Machine, machine: Machine, server: Server
    ) -> None:
        """Nothing is stored. If the token is invalid, the message names its variable."""
        env = {"PUSHPAKA_CLIENT_URL": server.url}

        token = context_of(ann)["token"]
        me = machine.json("whoami", env=env | {"PUSHPAKA_CLIENT_TOKEN": token})
        void = machine.run("whoami", code=1, env=env | {"PUSHPAKA_CLIENT_TOKEN": WRONG_TOKEN})

        assert "ann@example.com" == me["email"]
        assert not machine.context_file.exists()
        assert "PUSHPAKA_CLIENT_TOKEN is set and takes precedence" in void.stderr
        assert "Run: pushpaka login" in void.stderr

    def test_a_token_is_sent_only_to_its_server(self, ann: Machine, server: Server) -> None:
        """If only the URL is set, it selects the context for that URL."""
        known = ann.run("whoami", env={"PUSHPAKA_CLIENT_URL": server.url})
        other = ann.run("whoami", code=1, env={"PUSHPAKA_CLIENT_URL": "http://127.0.0.1:9"})

        assert "ann@example.com" in known.stdout
        assert "You are not signed in to http://127.0.0.1:9." in other.stderr

    def test_with_json_an_error_is_the_error_object_of_the_api(
        self, machine: Machine, server: Server
    ) -> None:
        """The object goes to stderr, so that stdout contains only results."""
        env = {"PUSHPAKA_CLIENT_URL": server.url, "PUSHPAKA_CLIENT_TOKEN": WRONG_TOKEN}

        refused = machine.run("whoami", "--json", code=1, env=env)

        assert ["error", "code", "request_id"] == list(json.loads(refused.stderr))
        assert "" == refused.stdout

    def test_a_server_that_does_not_respond_is_named(self, impatient_machine: Machine) -> None:
        """The error contains the URL and the reason."""
        env = {"PUSHPAKA_CLIENT_URL": "http://127.0.0.1:9", "PUSHPAKA_CLIENT_TOKEN": WRONG_TOKEN}

        refused = impatient_machine.run("whoami", code=1, env=env)

        assert "http://127.0.0.1:9" in refused.stderr
        assert "the connection was refused" in refused.stderr


class DesktopKeyring(KeyringBackend):
    """A desktop keyring, which may be locked."""

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
def desktop_keyring() -> Iterator[DesktopKeyring]:
    before, desktop_keyring = keyring.get_keyring(), DesktopKeyring()
    keyring.set_keyring(desktop_keyring)
    yield desktop_keyring
    keyring.set_keyring(before)


class TestKeyring:
    """Tests that tokens are stored in the keyring of the desktop if there is one."""

    def test_no_file_contains_the_token(
        self, machine: Machine, server: Server, desktop_keyring: DesktopKeyring
    ) -> None:
        """The token is only in the keyring, and signing out removes it there."""
        machine.sign_up(server, "ron@example.com")
        (token,) = desktop_keyring.entries.values()

        listed = machine.run("contexts", "list").stdout
        me = machine.json("whoami")
        machine.run("logout")

        assert token not in machine.context_file.read_text()
        assert "keyring" in listed
        assert "ron@example.com" == me["email"]
        assert {} == desktop_keyring.entries

    @pytest.mark.parametrize(
        "error", [KeyringLocked("It is locked."), ConnectionResetError("There is no bus.")]
    )
    def test_a_failing_keyring_is_reported(
        self, machine: Machine, server: Server, desktop_keyring: DesktopKeyring, error: Exception
    ) -> None:
        """The message explains what to do. New tokens are stored in the file instead."""
        name = type(error).__name__.lower()
        machine.sign_up(server, f"bob.{name}@example.com")
        desktop_keyring.refusal = error

        refused = machine.run("whoami", code=1)
        machine.sign_up(server, f"carl.{name}@example.com")

        assert "Unlock the keyring" in refused.stderr
        assert context_of(machine)["token"].startswith("ppk_")
