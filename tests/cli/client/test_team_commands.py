"""Teams, and the tokens that programs carry."""

import pytest
from tests.cli.client.desks import Desk, Place
from tests.http.clients import PASSWORD

SAID = f"{PASSWORD}\n"


@pytest.fixture
def bob(desk: Desk, place: Place) -> Desk:
    """Somebody else, on a machine of their own."""
    words = ("login", place.url, "--email", "bob@example.com", "--password-stdin")
    if desk.run(*words, input=SAID, code=None).exit_code:
        desk.sign_up(place, "bob@example.com")
    return desk


def create(desk: Desk, name: str) -> None:
    desk.run("projects", "create", name, "--repo", f"https://git.example.com/ann/{name}.git")


def test_somebody_is_invited_and_comes_into_the_team(ann: Desk, bob: Desk) -> None:
    """With the role that they were given, which may change."""
    create(ann, "garden")

    ann.run(
        "members",
        "invite",
        "bob@example.com",
        "--role",
        "viewer",
        "-p",
        "garden",
        "--password-stdin",
        input=SAID,
    )
    waiting = bob.run("invitations", "list").stdout
    bob.run("invitations", "accept", "garden", "--password-stdin", input=SAID)
    ann.run(
        "members",
        "role",
        "bob@example.com",
        "member",
        "-p",
        "garden",
        "--password-stdin",
        input=SAID,
    )

    team = ann.json("members", "list", "-p", "garden")["data"]
    assert ["garden", "viewer", "ann@example.com"] == waiting.splitlines()[1].split()[:3]
    assert [("ann@example.com", "owner"), ("bob@example.com", "member")] == [
        (member["email"], member["role"]) for member in team
    ]
    assert "garden" in bob.run("projects", "list").stdout


def test_a_place_in_a_team_is_taken_away(ann: Desk, bob: Desk) -> None:
    """From who has it, and from who was only invited."""
    create(ann, "orchard")
    invite = ("members", "invite", "bob@example.com", "-p", "orchard", "--password-stdin")
    remove = ("members", "remove", "bob@example.com", "-p", "orchard", "--yes", "--password-stdin")

    ann.run(*invite, input=SAID)
    ann.run(*remove, input=SAID)
    withdrawn = bob.json("invitations", "list")["data"]
    ann.run(*invite, input=SAID)
    bob.run("invitations", "accept", "orchard", "--password-stdin", input=SAID)
    ann.run(*remove, input=SAID)

    assert [] == withdrawn
    assert 1 == len(ann.json("members", "list", "-p", "orchard")["data"])


def test_an_invitation_is_declined(ann: Desk, bob: Desk) -> None:
    """It is gone for both."""
    create(ann, "meadow")
    ann.run("members", "invite", "bob@example.com", "-p", "meadow", "--password-stdin", input=SAID)

    bob.run("invitations", "decline", "meadow", "--password-stdin", input=SAID)

    assert {"data": []} == bob.json("invitations", "list")
    assert "no project" in bob.run("projects", "show", "meadow", code=1).stderr


def test_a_password_is_asked_for_once_more(ann: Desk) -> None:
    """What no API token may do needs it; a wrong one changes nothing, and none is kept."""
    wrong = ann.run("tokens", "create", "ci", "--password-stdin", input="wrong\n", code=1)
    unasked = ann.run("tokens", "create", "ci", code=2)

    assert "\nError: " in wrong.stderr
    assert "Use --password-stdin." in unasked.stderr
    assert PASSWORD not in ann.context_file.read_text()


def test_a_token_is_made_and_revoked(ann: Desk) -> None:
    """It is shown once, good for what it was made for, and void afterwards."""
    words = ("tokens", "create", "nightly", "--scope", "read", "--days", "7", "--password-stdin")
    secret = ann.run(*words, input=SAID).stdout.strip()
    env = {"PUSHPAKA_CLIENT_TOKEN": secret}

    looks = ann.run("projects", "list", env=env)
    refused = ann.run("projects", "create", "x", "--repo", "https://a.example/b", env=env, code=1)
    unasked = ann.run("tokens", "revoke", "nightly", code=2)
    ann.run("tokens", "revoke", "nightly", "--yes")
    void = ann.run("projects", "list", env=env, code=1)

    assert 0 == looks.exit_code
    assert 'may only "read"' in refused.stderr
    assert "Use --yes." in unasked.stderr
    assert "Run: pushpaka login" in void.stderr
