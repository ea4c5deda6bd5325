"""Tests `pushpaka users`, with which an operator creates and changes accounts."""

import json

import httpx
from tests.cli.operator.operators import Operator, sign_up
from tests.served_instance import PASSWORD


def create(operator: Operator, email: str, *options: str, password: str = PASSWORD) -> int:
    """Create an account, and return the exit code."""
    words = ("users", "create", email, "--password-stdin", *options)
    return operator.run(*words, stdin=f"{password}\n").code


def login(api: httpx.Client, password: str) -> int:
    """Try to sign in, and return the status."""
    credentials = {"email": "ann@example.com", "password": password}
    return api.post("/auth/login", json=credentials).status_code


def test_accounts_are_listed_with_their_roles(operator: Operator) -> None:
    """The oldest account comes first. `--json` prints objects without secrets."""
    create(operator, "Ann@example.com", "--name", "Ann", "--admin")
    words = ("users", "create", "bob@example.com", "--password-stdin", "--json")
    bob = json.loads(operator.run(*words, stdin=f"{PASSWORD}\n").output)

    finished = operator.run("users", "list")
    listed = json.loads(operator.run("users", "list", "--json").output)

    rows = [line.split() for line in finished.output.splitlines()]
    assert [("ann@example.com", "admin"), ("bob@example.com", "user")] == [
        (email, role) for email, role, *_ in rows
    ]
    assert ["Ann", "bob@example.com"] == [row[-1] for row in rows]
    assert ["id", "email", "name", "role", "created_at", "disabled_at"] == list(bob)
    assert bob == listed["data"][1]


def test_the_administrator_role_is_granted_and_revoked(operator: Operator) -> None:
    """`admin --revoke` makes an administrator a user again."""
    create(operator, "ann@example.com")

    given = operator.run("users", "admin", "ann@example.com")
    revoked = operator.run("users", "admin", "ann@example.com", "--revoke")

    assert "ann@example.com is now an administrator.\n" == given.output
    assert "ann@example.com is now a user.\n" == revoked.output


def test_impossible_requests_are_refused(operator: Operator) -> None:
    """The exit code is 1, or 2 if the password cannot be prompted for without a terminal."""
    create(operator, "ann@example.com")

    taken = create(operator, "ANN@example.com")
    short = create(operator, "bob@example.com", password="short")
    unknown = operator.run("users", "admin", "bob@example.com")
    unasked = operator.run_refused("users", "create", "bob@example.com")

    assert [1, 1, 1] == [taken, short, unknown.code]
    assert "Error: There is no such user, or you do not have access to it.\n" == unknown.errors
    assert "--password-stdin" in unasked


def test_changes_take_effect_while_the_instance_serves(operator: Operator) -> None:
    """Resetting a password or disabling an account revokes the tokens."""
    words = ("users", "reset-password", "ann@example.com", "--password-stdin")
    with operator.serve() as api:
        sign_up(api)
        reset = operator.run(*words, stdin="another horse\n")
        statuses = [api.get("/auth/me").status_code, login(api, "another horse")]

        disabled = operator.run("users", "disable", "Ann@example.com")
        listed = operator.run("users", "list")
        statuses.append(login(api, "another horse"))
        enabled = operator.run("users", "enable", "ann@example.com")
        statuses.append(login(api, "another horse"))

    assert (0, [401, 200, 401, 200]) == (reset.code, statuses)
    assert "Disabled ann@example.com, and revoked all tokens.\n" == disabled.output
    assert "disabled" == listed.output.split()[1]
    assert "Enabled ann@example.com.\n" == enabled.output
