"""`pushpaka users`: accounts by the operator's hand."""

import json

import pytest
from tests.served import PASSWORD, Served

pytestmark = pytest.mark.anyio


async def _create(served: Served, email: str, *options: str, password: str = PASSWORD) -> int:
    created = await served.run(
        "users", "create", email, "--password-stdin", *options, stdin=f"{password}\n"
    )
    return created.code


async def test_created_accounts_are_listed_with_their_roles(unrouted: Served) -> None:
    """Who was created is listed, the oldest first, as what they are."""
    await _create(unrouted, "Ann@example.com", "--name", "Ann", "--admin")
    await _create(unrouted, "bob@example.com")

    finished = await unrouted.run("users", "list")

    rows = [line.split() for line in finished.output.splitlines()]
    assert [("ann@example.com", "admin"), ("bob@example.com", "user")] == [
        (email, role) for email, role, *_ in rows
    ]
    assert ["Ann", "bob@example.com"] == [row[-1] for row in rows]


async def test_programs_read_accounts_as_objects(unrouted: Served) -> None:
    """With all that is known of them but what proves who they are."""
    made = await unrouted.run(
        *("users", "create", "ann@example.com", "--password-stdin", "--json"),
        stdin=f"{PASSWORD}\n",
    )
    listed = await unrouted.run("users", "list", "--json")

    account = json.loads(made.output)
    assert ["id", "email", "name", "role", "created_at", "disabled_at"] == list(account)
    assert {"data": [account]} == json.loads(listed.output)


async def test_role_is_given_and_taken_back(unrouted: Served) -> None:
    """`admin` makes an administrator, and with `--revoke` a user again."""
    await _create(unrouted, "ann@example.com")

    given = await unrouted.run("users", "admin", "ann@example.com")
    revoked = await unrouted.run("users", "admin", "ann@example.com", "--revoke")

    assert "ann@example.com is an administrator now.\n" == given.output
    assert "ann@example.com is a user now.\n" == revoked.output


async def test_what_cannot_be_done_is_said(unrouted: Served) -> None:
    """A taken address, an unknown one, and a password that is too short end with exit code 1."""
    await _create(unrouted, "ann@example.com")

    taken = await _create(unrouted, "ANN@example.com")
    short = await _create(unrouted, "bob@example.com", password="short")
    unknown = await unrouted.run("users", "admin", "bob@example.com")

    assert [1, 1, 1] == [taken, short, unknown.code]
    assert "Error: There is no such user.\n" == unknown.errors


async def test_password_is_not_asked_for_without_a_terminal(unrouted: Served) -> None:
    """Where nobody can be asked for a password, the option that reads it is named."""
    finished = await unrouted.run("users", "create", "ann@example.com")

    assert 2 == finished.code
    assert "--password-stdin" in finished.errors


async def test_reset_password_is_good_at_once_while_serve_runs(unrouted: Served) -> None:
    """A running server takes the new password, and no token of before."""
    await unrouted.start()
    token = await unrouted.sign_up("ann@example.com")

    reset = await unrouted.run(
        "users", "reset-password", "ann@example.com", "--password-stdin", stdin="another horse\n"
    )

    assert 0 == reset.code, reset.errors
    async with unrouted.api(token) as api:
        me = await api.get("/auth/me")
        credentials = {"email": "ann@example.com", "password": "another horse"}
        login = await api.post("/auth/login", json=credentials)
    assert [401, 200] == [me.status_code, login.status_code]


async def test_a_disabled_account_is_shut_out_at_once_while_serve_runs(unrouted: Served) -> None:
    """A running server takes none of its tokens; enabled again, it is let in by its password."""
    await unrouted.start()
    token = await unrouted.sign_up("ann@example.com")

    disabled = await unrouted.run("users", "disable", "Ann@example.com")
    listed = await unrouted.run("users", "list")
    async with unrouted.api(token) as api:
        me = await api.get("/auth/me")
        enabled = await unrouted.run("users", "enable", "ann@example.com")
        credentials = {"email": "ann@example.com", "password": PASSWORD}
        login = await api.post("/auth/login", json=credentials)

    assert "ann@example.com is disabled now; all their tokens are void.\n" == disabled.output
    assert "disabled" == listed.output.split()[1]
    assert "ann@example.com is enabled now.\n" == enabled.output
    assert [401, 200] == [me.status_code, login.status_code]
