"""Tests `pushpaka members`, `invitations` and `tokens`."""

import pytest
from tests.cli.commands.machines import Machine, Server
from tests.http.clients import PASSWORD

TYPED = f"{PASSWORD}\n"


@pytest.fixture
def bob(machine: Machine, server: Server) -> Machine:
    """Return a machine where Bob is signed in."""
    words = ("login", server.url, "--email", "bob@example.com", "--password-stdin")
    if machine.run(*words, input=TYPED, code=None).exit_code:
        machine.sign_up(server, "bob@example.com")
    return machine


def run_confirmed(machine: Machine, *words: str) -> None:
    """Run a command that asks for the password again."""
    machine.run(*words, "--password-stdin", input=TYPED)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "group",
    [
        *("projects", "env", "domains", "tokens", "members", "deployments"),
        *("webhooks", "notifications", "invitations", "contexts"),
    ],
)
def test_group_without_a_subcommand_lists_its_resources(ann: Machine, group: str) -> None:
    """The options are those of the `list` subcommand, and `--help` describes the group."""
    shown, listed = ann.run(group), ann.run(group, "list")

    assert listed.output == shown.output
    assert ann.json(group, "list") == ann.json(group)
    assert "\nCommands:\n" in ann.run(group, "--help").stdout


def test_an_invited_person_joins_the_team(ann: Machine, bob: Machine) -> None:
    """The new member gets the role of the invitation, and the role can be changed."""
    ann.create("garden")

    run_confirmed(ann, "members", "invite", "bob@example.com", "--role", "viewer", "-p", "garden")
    waiting = bob.run("invitations", "list").stdout
    run_confirmed(bob, "invitations", "accept", "garden")
    run_confirmed(ann, "members", "role", "bob@example.com", "member", "-p", "garden")

    team = ann.json("members", "list", "-p", "garden")["data"]
    assert ["garden", "viewer", "ann@example.com"] == waiting.splitlines()[1].split()[:3]
    assert [("ann@example.com", "owner"), ("bob@example.com", "member")] == [
        (member["email"], member["role"]) for member in team
    ]
    assert "garden" in bob.run("projects", "list").stdout


def test_members_and_invitations_are_removed(ann: Machine, bob: Machine) -> None:
    """Neither the owner nor the invited user sees a removed invitation."""
    ann.create("orchard")
    invite = ("members", "invite", "bob@example.com", "-p", "orchard")
    remove = ("members", "remove", "bob@example.com", "-p", "orchard", "--yes")

    run_confirmed(ann, *invite)
    run_confirmed(ann, *remove)
    withdrawn = bob.json("invitations", "list")["data"]
    run_confirmed(ann, *invite)
    run_confirmed(bob, "invitations", "accept", "orchard")
    run_confirmed(ann, *remove)

    assert [] == withdrawn
    assert 1 == len(ann.json("members", "list", "-p", "orchard")["data"])


def test_an_invitation_is_declined(ann: Machine, bob: Machine) -> None:
    """The project stays invisible to the user who declined."""
    ann.create("meadow")
    run_confirmed(ann, "members", "invite", "bob@example.com", "-p", "meadow")

    run_confirmed(bob, "invitations", "decline", "meadow")

    assert {"data": []} == bob.json("invitations", "list")
    assert "no project" in bob.run("projects", "show", "meadow", code=1).stderr


def test_a_token_requires_the_password_again(ann: Machine) -> None:
    """If the password is wrong, nothing is changed. No password is stored."""
    wrong = ann.run("tokens", "create", "ci", "--password-stdin", input="wrong\n", code=1)
    unasked = ann.run("tokens", "create", "ci", code=2)

    assert "\nError: " in wrong.stderr
    assert "pushpaka users reset-password ann@example.com\n" in wrong.stderr
    assert "Use --password-stdin." in unasked.stderr
    assert PASSWORD not in ann.context_file.read_text()


def test_a_token_is_created_and_revoked(ann: Machine) -> None:
    """The token is shown once, has its scope, and stops working when it is revoked."""
    words = ("tokens", "create", "nightly", "--scope", "read", "--days", "7", "--password-stdin")
    secret = ann.run(*words, input=TYPED).stdout.strip()
    env = {"PUSHPAKA_CLIENT_TOKEN": secret}

    ann.run("projects", "list", env=env)
    refused = ann.run("projects", "create", "x", "--repo", "https://a.example/b", env=env, code=1)
    unasked = ann.run("tokens", "revoke", "nightly", code=2)
    ann.run("tokens", "revoke", "nightly", "--yes")
    revoked = ann.run("projects", "list", env=env, code=1)

    assert 'has the scope "read"' in refused.stderr
    assert "Use --yes" in unasked.stderr
    assert "Run: pushpaka login" in revoked.stderr
