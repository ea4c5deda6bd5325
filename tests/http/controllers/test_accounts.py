"""Sign-up, sign-in, passwords and sign-out over HTTP."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from attrs import evolve
from litestar import Litestar
from tests.http.clients import (
    PASSWORD,
    Person,
    case_id,
    close_code,
    log_stream_path,
    refused_fields,
    speaking_to,
    statuses_of,
)
from tests.http.instances import Instance

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits

pytestmark = pytest.mark.anyio

ANN = {"email": "Ann@Example.com", "name": "Ann", "password": PASSWORD}
CHANGE = {"current_password": PASSWORD, "new_password": "another horse"}


async def sign_up(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await client.post("/api/v1/auth/register", json=ANN | changes)


async def sign_in(
    client: httpx.AsyncClient, password: str = PASSWORD, email: str = "ann@example.com"
) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client.post("/api/v1/auth/login", json=body)


async def sign_in_again(person: Person) -> Person:
    """Sign *person* in again, and return the user with the new token."""
    answer = await sign_in(person.client, email=person.user["email"])
    return evolve(person, token=answer.json()["token"])


async def status_of(person: Person) -> int:
    return (await person.get("/auth/me")).status_code


async def test_sign_up_returns_a_token_and_the_user(client: httpx.AsyncClient) -> None:
    answer = await sign_up(client)

    body = answer.json()
    assert 201 == answer.status_code
    assert ["token", "user"] == list(body)
    assert ["id", "email", "name", "role", "created_at"] == list(body["user"])
    assert ("ann@example.com", "user") == (body["user"]["email"], body["user"]["role"])
    assert "2026-03-01T12:00:00Z" == body["user"]["created_at"]
    assert body["user"]["id"] == str(UUID(body["user"]["id"]))


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"email": "nobody"}, {"email"}),
        ({"name": ""}, {"name"}),
        ({"name": 5, "email": None}, {"name", "email"}),
        ({"role": "admin"}, {"role"}),
        ({"id": "x", "emial": "x"}, {"id", "emial"}),
        ({"name": "a\0b"}, {"name"}),
        *(
            ({"email": email}, {"email"})
            for email in (
                *("\u212aim@example.com", "ann@\uff45xample.com", "\u0131nn@example.com"),
                *("ann@ex\u0430mple.com", "ann@example.com\n", " ann@example.com"),
                "ann@example.com\u200b",
            )
        ),
        *(
            ({"password": password}, {"password"})
            for password in ("x" * 7, "x" * 1025, "x" * 1_000_000, "nul\0" * 8, 12345678)
        ),
    ],
    ids=case_id,
)
async def test_sign_up_names_every_wrong_field(
    client: httpx.AsyncClient, instance: Instance, changes: dict[str, Any], fields: set[str]
) -> None:
    answer = await sign_up(client, **changes)

    body = answer.json()
    assert fields == refused_fields(answer)
    assert ["error", "code", "request_id", "details"] == list(body)
    assert "invalid_input" == body["code"]
    assert all(["field", "message"] == list(problem) for problem in body["details"])
    assert len(answer.text) < 500
    async with instance.services.storage.snapshot() as uow:
        assert [] == list(await uow.users.all())


async def test_sign_in_returns_a_token_that_works(ann: Person) -> None:
    answer = await sign_in(ann.client)

    again = evolve(ann, token=answer.json()["token"])
    assert (200, ["token", "user"]) == (answer.status_code, list(answer.json()))
    assert ann.user == (await again.get("/auth/me")).json()


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com", "nonsense"])
async def test_failed_sign_ins_look_the_same(client: httpx.AsyncClient, email: str) -> None:
    """The response does not reveal which accounts exist."""
    answer = await sign_in(client, "wrong", email)

    assert (401, "not_authenticated") == (answer.status_code, answer.json()["code"])
    assert answer.json()["error"].startswith("The email address or the password is incorrect.")
    assert "Bearer" == answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "password", ["x" * 8, "x" * 1024, "\U0001f600" * 8, "x" * 72 + "last", "  spaces  "]
)
async def test_every_character_of_a_password_counts(
    client: httpx.AsyncClient, password: str
) -> None:
    assert 201 == (await sign_up(client, password=password)).status_code

    others = [password[:-1] + "y", password[:-1], password + "x"]

    assert [401] * 3 == [(await sign_in(client, other)).status_code for other in others]
    assert 200 == (await sign_in(client, password)).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer " + "x" * 5000},
    ],
)
async def test_a_token_is_checked_before_the_body(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post("/api/v1/projects", content=b"{", headers=headers)

    assert 401 == answer.status_code
    assert ["error", "code", "request_id"] == list(answer.json())
    assert "Bearer" == answer.headers["WWW-Authenticate"]


async def test_changing_the_password_ends_other_tokens(ann: Person) -> None:
    answer = await ann.post("/auth/password", CHANGE)

    renewed = evolve(ann, token=answer.json()["token"])
    assert (200, ["token", "user"]) == (answer.status_code, list(answer.json()))
    assert (401, 200) == (await status_of(ann), await status_of(renewed))


async def test_attempts_at_the_current_password_are_limited(instance: Instance) -> None:
    """With a stolen token, a password cannot be guessed faster than by signing in."""
    app = create_app(instance.application, limits=Limits(sign_ins_per_account=4))
    async with speaking_to(app) as client:
        ann = await Person.register(client, "ann@example.com")
        change = CHANGE | {"current_password": "wrong"}
        answers = [await ann.post("/auth/password", change) for _ in range(4)]

    assert [400, 400, 400, 429] == statuses_of(*answers)
    assert int(answers[-1].headers["Retry-After"]) in range(1, 61)


async def test_signing_out_revokes_only_the_current_token(ann: Person) -> None:
    other = await sign_in_again(ann)

    answer = await ann.post("/auth/logout")

    assert {"message": "You are signed out."} == answer.json()
    assert (401, 401) == (await status_of(ann), (await ann.post("/auth/logout")).status_code)
    assert 200 == await status_of(other)


async def test_signing_out_everywhere_revokes_all_tokens(ann: Person, bob: Person) -> None:
    other = await sign_in_again(ann)

    answer = await ann.post("/auth/logout", {"everywhere": True})

    assert 200 == answer.status_code
    assert [401, 401, 200] == [await status_of(person) for person in (ann, other, bob)]


@pytest.mark.parametrize("cause", ["sign-out", "password", "disabled", "expired"])
async def test_a_log_stream_ends_with_its_token(
    app: Litestar, instance: Instance, ann: Person, cause: str
) -> None:
    deployment = await ann.deployment()

    async def end_token() -> None:
        await wait_all_tasks_blocked()
        match cause:
            case "sign-out":
                await ann.post("/auth/logout")
            case "password":
                await ann.post("/auth/password", CHANGE)
            case "disabled":
                await instance.application.accounts.disable(PLATFORM, "ann@example.com")
            case _:
                instance.clock.advance(2 * 3600)

    async with create_task_group() as tasks:
        tasks.start_soon(end_token)
        code = await close_code(app, log_stream_path(deployment, ann.token))

    assert 4401 == code


async def test_a_long_poll_ends_with_its_token(ann: Person, instance: Instance) -> None:
    deployment = await ann.deployment()
    answers = []

    async def wait() -> None:
        answers.append(await ann.get(f"/deployments/{deployment['id']}?wait=300"))

    async with create_task_group() as tasks:
        tasks.start_soon(wait)
        await wait_all_tasks_blocked()
        await instance.application.accounts.disable(PLATFORM, "ann@example.com")

    assert [401] == statuses_of(*answers)
