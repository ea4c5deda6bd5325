"""Signing in, staying signed in, and signing out."""

import json
import os
import socket

import httpx
import pytest
from tests.cli.client.desks import Desk, Place
from tests.http.clients import PASSWORD


def status_of(place: Place, token: str) -> int:
    """Return what a token is answered."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{place.url}/api/v1/auth/me", headers=headers, trust_env=False).status_code


def kept(desk: Desk) -> dict[str, str]:
    """Return the only context of a machine."""
    (context,) = json.loads(desk.context_file.read_text())["by_name"].values()
    return dict(context)


def test_whoever_registers_is_signed_in(desk: Desk, place: Place) -> None:
    """The account is made, and the next command is theirs."""
    words = ("--register", "--email", "eve@example.com", "--name", "Eve", "--password-stdin")
    made = desk.run("login", place.url, *words, input=f"{PASSWORD}\n")

    me = desk.run("whoami")
    assert f"eve@example.com is signed in at {place.url}.\n" == made.stdout
    assert f"The token is in {desk.context_file}" in made.stderr
    assert "Next: pushpaka init" in made.stderr
    assert PASSWORD not in made.output
    assert ["eve@example.com", "Eve", "user", place.url] == [
        line.split()[-1] for line in me.stdout.splitlines()[:4]
    ]


def test_signing_in_makes_a_token_for_this_machine(desk: Desk, place: Place) -> None:
    """It is named after the machine, and what proved the password is ended at once."""
    desk.sign_up(place, "dan@example.com")

    (token,) = desk.json("tokens", "list")["data"]
    assert kept(desk)["token_id"] == token["id"]
    assert kept(desk)["token"].startswith(token["prefix"])
    assert "full" == token["scope"]
    assert socket.gethostname() in token["name"]


def test_the_token_is_kept_where_nobody_else_reads(desk: Desk, place: Place) -> None:
    """The file is for its owner alone, and so is the directory."""
    desk.sign_up(place, "fay@example.com")

    assert 0o600 == desk.context_file.stat().st_mode & 0o777
    assert 0o700 == desk.context_file.parent.stat().st_mode & 0o777


def test_a_file_that_others_may_read_is_refused(desk: Desk, place: Place) -> None:
    """Whoever finds it so is told what to do."""
    desk.sign_up(place, "gus@example.com")
    desk.context_file.chmod(0o640)

    refused = desk.run("whoami", code=1)

    assert "Others on this machine may read" in refused.stderr
    assert f"chmod 600 {desk.context_file}" in refused.stderr


def test_a_file_of_another_user_is_refused(
    desk: Desk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who could write it chooses whom a token is sent to."""
    desk.sign_up(place, "jon@example.com")
    me = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: me + 1)

    assert "belongs to another user" in desk.run("whoami", code=1).stderr


@pytest.mark.parametrize("text", ["", "[]", '{"current": 1}', '{"by_name": {"a": {"x": 1}}}'])
def test_a_damaged_file_is_told(desk: Desk, text: str) -> None:
    """With what to do."""
    desk.context_file.parent.mkdir()
    desk.context_file.write_text(text)
    desk.context_file.chmod(0o600)

    assert "Remove it, and run: pushpaka login" in desk.run("whoami", code=1).stderr


def test_signing_in_again_ends_the_token_of_before(desk: Desk, place: Place) -> None:
    """A machine has one token, however often somebody signs in."""
    desk.sign_up(place, "hal@example.com")
    before = kept(desk)["token"]

    words = ("--email", "hal@example.com", "--password-stdin")
    desk.run("login", *words, input=f"{PASSWORD}\n")

    assert 401 == status_of(place, before)
    assert 1 == len(desk.json("tokens", "list")["data"])


def test_signing_out_ends_the_token(desk: Desk, place: Place) -> None:
    """Nobody gets in by it any more, and the machine has forgotten it."""
    desk.sign_up(place, "ian@example.com")
    token = kept(desk)["token"]

    desk.run("logout")

    assert 401 == status_of(place, token)
    assert token not in desk.context_file.read_text()
    asked = desk.run("whoami", code=1)
    assert f"Nobody is signed in at {place.url}. Run: pushpaka login" in asked.stderr


def test_where_no_token_can_be_made_the_sign_in_itself_is_kept(
    desk: Desk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is told, ends by itself, needs no password again, and is ended by signing out."""
    monkeypatch.setattr("pushpaka_core.services.api_tokens.MOST_TOKENS", 0)
    words = ("login", place.url, "--register", "--email", "kim@example.com", "--password-stdin")
    said = desk.run(*words, input=f"{PASSWORD}\n")
    token = kept(desk)["token"]
    monkeypatch.undo()

    made = desk.json("tokens", "create", "ci")
    desk.run("logout")

    assert "You have 0 API tokens." in said.stderr
    assert "ci" == made["name"]
    assert (401, 200) == (status_of(place, token), status_of(place, made["token"]))


def test_a_token_that_was_given_is_only_forgotten(ann: Desk, desk: Desk, place: Place) -> None:
    """It is somebody else's to end."""
    made = ann.json("tokens", "create", "ci", "--password-stdin", input=f"{PASSWORD}\n")
    desk.run("login", place.url, "--token-stdin", input=f"{made['token']}\n")

    me = desk.json("whoami")
    desk.run("logout")

    assert "ann@example.com" == me["email"]
    assert 200 == status_of(place, made["token"])


def test_a_wrong_password_keeps_nothing(desk: Desk, place: Place) -> None:
    """The server's sentence is told, and the exit code is 1."""
    words = ("--email", "nobody@example.com", "--password-stdin")
    refused = desk.run("login", place.url, *words, input="wrong\n", code=1)

    assert refused.stderr.startswith("Error: ")
    assert "wrong" not in refused.stderr.splitlines()[1:]
    assert not desk.context_file.exists()


def test_wrong_fields_are_told_one_by_one(desk: Desk, place: Place) -> None:
    """Each on a line of its own."""
    words = ("--register", "--email", "no-address", "--password-stdin")
    refused = desk.run("login", place.url, *words, input="short\n", code=1)

    assert any(line.startswith("  email: ") for line in refused.stderr.splitlines())
    assert any(line.startswith("  password: ") for line in refused.stderr.splitlines())


def test_without_a_terminal_nothing_is_asked(desk: Desk, place: Place) -> None:
    """Whoever cannot be asked is told by which option to say it."""
    no_email = desk.run("login", place.url, code=2)
    no_password = desk.run("login", place.url, "--email", "ann@example.com", code=2)
    no_server = desk.run("login", code=2)

    assert "Use --email." in no_email.stderr
    assert "Use --password-stdin." in no_password.stderr
    assert "pushpaka login https://" in no_server.stderr


def test_the_environment_takes_the_place_of_a_context(ann: Desk, desk: Desk, place: Place) -> None:
    """A program in CI needs no file, and keeps none."""
    env = {"PUSHPAKA_CLIENT_URL": place.url, "PUSHPAKA_CLIENT_TOKEN": kept(ann)["token"]}

    me = desk.json("whoami", env=env)
    void = desk.run("whoami", code=1, env=env | {"PUSHPAKA_CLIENT_TOKEN": "ppk_" + "0" * 64})

    assert "ann@example.com" == me["email"]
    assert not desk.context_file.exists()
    assert "PUSHPAKA_CLIENT_TOKEN comes before a sign-in" in void.stderr
    assert "Run: pushpaka login" in void.stderr


def test_an_address_of_the_environment_is_asked_by_the_token_of_its_context(
    ann: Desk, place: Place
) -> None:
    """A token goes only to the server for which it was made."""
    known = ann.run("whoami", env={"PUSHPAKA_CLIENT_URL": place.url})
    other = ann.run("whoami", code=1, env={"PUSHPAKA_CLIENT_URL": "http://127.0.0.1:9"})

    assert "ann@example.com" in known.stdout
    assert "Nobody is signed in at http://127.0.0.1:9." in other.stderr


def test_an_error_is_the_apis_own_object_for_programs(desk: Desk, place: Place) -> None:
    """On the error stream, so that the output has nothing but results."""
    env = {"PUSHPAKA_CLIENT_URL": place.url, "PUSHPAKA_CLIENT_TOKEN": "ppk_" + "0" * 64}

    refused = desk.run("whoami", "--json", code=1, env=env)

    error = json.loads(refused.stderr)
    assert ["error", "code", "request_id"] == list(error)
    assert "" == refused.stdout


def test_several_servers_have_names(ann: Desk, desk: Desk, place: Place) -> None:
    """One is current, any other can be named, and one that is misspelt is guessed."""
    token = kept(ann)["token"]
    for name in ("production", "staging"):
        desk.run("login", place.url, "--context", name, "--token-stdin", input=f"{token}\n")

    listed = desk.json("contexts", "list")["data"]
    desk.run("contexts", "use", "production")
    current = desk.run("contexts", "list").stdout
    desk.run("contexts", "remove", "production")
    typo = desk.run("whoami", "--context", "stagin", code=1)

    assert {
        "name": "staging",
        "url": place.url,
        "is_current": True,
        "token_is_in": "file",
    } in listed
    assert ["production", place.url, "yes", "file"] in [
        line.split() for line in current.splitlines()
    ]
    assert 'Did you mean "staging"?' in typo.stderr
    assert place.url in desk.run("whoami", "--context", "staging").stdout


def test_a_server_that_does_not_answer_is_told(desk: Desk) -> None:
    """With its address, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    env = {"PUSHPAKA_CLIENT_URL": url, "PUSHPAKA_CLIENT_TOKEN": "ppk_" + "0" * 64}

    refused = desk.run("whoami", code=1, env=env)

    assert url in refused.stderr
    assert "nobody listens there" in refused.stderr


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("deploy.invalid", "https://deploy.invalid"),
        ("localhost:9", "http://localhost:9"),
        ("127.0.0.1.invalid", "https://127.0.0.1.invalid"),
        ("http://deploy.invalid/api/v1/", "http://deploy.invalid"),
    ],
)
def test_an_address_is_taken_as_people_write_it(desk: Desk, given: str, asked: str) -> None:
    """By https unless it is this machine; and who is not, and has none, is warned."""
    refused = desk.run("login", given, "--token-stdin", input="ppk_0\n", code=1)

    assert asked in refused.stderr
    assert ("it is no https" in refused.stderr) is (asked == "http://deploy.invalid")


@pytest.mark.parametrize(
    "given", ["http://[", "[", "ftp://deploy.invalid", "https://a:b@c.invalid"]
)
def test_what_is_no_address_is_told(desk: Desk, given: str) -> None:
    """Before anybody is asked."""
    refused = desk.run("login", given, "--token-stdin", input="ppk_0\n", code=1)

    assert refused.stderr.startswith("Error: base_url: must ")
