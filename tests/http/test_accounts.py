"""Sign-up, sign-in and one's own account."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from litestar import Litestar
from tests.http.clients import PASSWORD, Person, connected, speaking_to
from tests.http.instances import Instance

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits

pytestmark = pytest.mark.anyio

ANN = {"email": "Ann@Example.com", "name": "Ann", "password": PASSWORD}


async def test_registration_answers_a_token_and_the_user(client: httpx.AsyncClient) -> None:
    """The answer has exactly the document's fields, in its order."""
    answer = await client.post("/api/v1/auth/register", json=ANN)

    body = answer.json()
    assert 201 == answer.status_code
    assert ["token", "user"] == list(body)
    assert ["id", "email", "name", "role", "created_at"] == list(body["user"])
    assert "ann@example.com" == body["user"]["email"]
    assert "user" == body["user"]["role"]
    assert "2026-03-01T12:00:00Z" == body["user"]["created_at"]
    assert body["user"]["id"] == str(UUID(body["user"]["id"]))


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"email": "nobody"}, {"email"}),
        ({"password": "short"}, {"password"}),
        ({"password": "x" * 1025}, {"password"}),
        ({"name": ""}, {"name"}),
        ({"name": 5, "email": None}, {"name", "email"}),
        ({"role": "admin"}, {"role"}),
        ({"id": "x", "emial": "x"}, {"id", "emial"}),
        ({"name": "a\0b"}, {"name"}),
    ],
)
async def test_bad_registration_tells_every_wrong_field(
    client: httpx.AsyncClient, changes: dict[str, Any], fields: set[str]
) -> None:
    """The details have one entry for each wrong field, all at once."""
    answer = await client.post("/api/v1/auth/register", json=ANN | changes)

    body = answer.json()
    assert 400 == answer.status_code
    assert ["error", "code", "request_id", "details"] == list(body)
    assert "invalid_input" == body["code"]
    assert fields == {problem["field"] for problem in body["details"]}
    assert all(["field", "message"] == list(problem) for problem in body["details"])


@pytest.mark.usefixtures("ann")
async def test_an_address_that_is_taken_conflicts(client: httpx.AsyncClient) -> None:
    """The case of an e-mail address makes no second account."""
    answer = await client.post("/api/v1/auth/register", json=ANN)

    assert 409 == answer.status_code
    assert "duplicate" == answer.json()["code"]


async def test_closed_registration_is_not_allowed() -> None:
    """Where the operator closed registration, nobody signs up."""
    app = create_app(Instance.empty(RegistrationPolicy.CLOSED).application)

    async with speaking_to(app) as client:
        answer = await client.post("/api/v1/auth/register", json=ANN)

    assert 403 == answer.status_code
    assert "not_allowed" == answer.json()["code"]


async def test_login_answers_a_token_that_works(client: httpx.AsyncClient, ann: Person) -> None:
    """The token of a login stands for the account."""
    body = {"email": "ann@example.com", "password": PASSWORD}

    answer = await client.post("/api/v1/auth/login", json=body)

    assert 200 == answer.status_code
    assert ["token", "user"] == list(answer.json())
    signed_in = Person(client, answer.json()["token"], answer.json()["user"])
    assert ann.user == (await signed_in.get("/auth/me")).json()


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com", "nonsense"])
async def test_wrong_logins_look_the_same(client: httpx.AsyncClient, email: str) -> None:
    """Nobody learns from a failed login which accounts exist."""
    answer = await client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"})

    assert 401 == answer.status_code
    assert "not_authenticated" == answer.json()["code"]
    assert "The e-mail address or the password is wrong." == answer.json()["error"]
    assert "Bearer" == answer.headers["WWW-Authenticate"]


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
async def test_without_a_good_token_nothing_is_shown(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """A missing or bad token is answered before anything else of the request is looked at."""
    answer = await client.post("/api/v1/projects", content=b"{", headers=headers)

    assert 401 == answer.status_code
    assert ["error", "code", "request_id"] == list(answer.json())
    assert "Bearer" == answer.headers["WWW-Authenticate"]


async def test_token_in_the_address_counts_for_nothing(
    client: httpx.AsyncClient, ann: Person
) -> None:
    """Addresses are written to logs, so a token in one is none."""
    answer = await client.get("/api/v1/projects", params={"token": ann.token})

    assert 401 == answer.status_code


async def test_an_expired_token_is_refused(ann: Person, instance: Instance) -> None:
    """A token ends by itself."""
    instance.clock.tick(timedelta(hours=1, seconds=1).total_seconds())

    answer = await ann.get("/auth/me")

    assert 401 == answer.status_code


async def test_another_password_ends_other_tokens(ann: Person) -> None:
    """Who changes the password gets a new token, and no older one counts."""
    change = {"current_password": PASSWORD, "new_password": "another horse"}

    answer = await ann.post("/auth/password", change)

    assert 200 == answer.status_code
    assert ["token", "user"] == list(answer.json())
    assert 401 == (await ann.get("/auth/me")).status_code
    renewed = Person(ann.client, answer.json()["token"], answer.json()["user"])
    assert 200 == (await renewed.get("/auth/me")).status_code


async def test_a_wrong_present_password_changes_nothing(ann: Person) -> None:
    """A stolen token alone is not enough to take an account over."""
    change = {"current_password": "wrong", "new_password": "another horse"}

    answer = await ann.post("/auth/password", change)

    assert 400 == answer.status_code
    assert "current_password" == answer.json()["details"][0]["field"]


async def signed_in_again(person: Person) -> Person:
    """Return the same person at another browser."""
    body = {"email": person.user["email"], "password": PASSWORD}
    answer = await person.client.post("/api/v1/auth/login", json=body)
    return Person(person.client, answer.json()["token"], answer.json()["user"])


async def test_signing_out_ends_this_token_and_no_other(ann: Person) -> None:
    """Another browser, and what programs carry, go on."""
    other = await signed_in_again(ann)

    answer = await ann.post("/auth/logout")

    assert {"message": "You are signed out."} == answer.json()
    assert 401 == (await ann.get("/auth/me")).status_code
    assert 401 == (await ann.post("/auth/logout")).status_code
    assert 200 == (await other.get("/auth/me")).status_code


async def test_signing_out_everywhere_ends_all_tokens(ann: Person, bob: Person) -> None:
    """Of who asks, and nobody else's."""
    other = await signed_in_again(ann)

    answer = await ann.post("/auth/logout", {"everywhere": True})

    assert 200 == answer.status_code
    assert [401, 401, 200] == [
        (await person.get("/auth/me")).status_code for person in (ann, other, bob)
    ]


@pytest.mark.parametrize("way", ["logout", "disabled"])
async def test_who_watches_is_sent_away_when_signed_out(
    app: Litestar, instance: Instance, ann: Person, way: str
) -> None:
    """A WebSocket that was opened with an ended token does not outlive it by long."""
    deployment = await ann.deployment()
    url = f"/api/v1/logs/{deployment['id']}/stream?token={ann.token}"

    async with connected(app, url) as page:
        if way == "logout":
            await ann.post("/auth/logout")
        else:
            await instance.application.accounts.disable(PLATFORM, "ann@example.com")

        assert 4401 == await page.code()


async def test_who_waits_is_told_when_signed_out(ann: Person, instance: Instance) -> None:
    """A long poll that was begun with an ended token is not answered by what it waited for."""
    deployment = await ann.deployment()
    answers = []

    async def wait() -> None:
        answers.append(await ann.get(f"/deployments/{deployment['id']}?wait=300"))

    async with create_task_group() as tasks:
        tasks.start_soon(wait)
        await wait_all_tasks_blocked()
        await instance.application.accounts.disable(PLATFORM, "ann@example.com")

    assert [401] == [answer.status_code for answer in answers]


async def test_the_present_password_is_guessed_only_so_often(instance: Instance) -> None:
    """To change a password is a try to sign in: a stolen token is no way around that limit."""
    app = create_app(instance.application, limits=Limits(sign_ins_per_account=4))
    change = {"current_password": "wrong", "new_password": "another horse"}
    async with speaking_to(app) as client:
        ann = await Person.registered(client, "ann@example.com")
        answers = [await ann.post("/auth/password", change) for _ in range(4)]

    assert [400, 400, 400, 429] == [answer.status_code for answer in answers]
    assert int(answers[-1].headers["Retry-After"]) in range(1, 61)


async def test_a_disabled_account_is_shut_out_at_once(
    client: httpx.AsyncClient, instance: Instance, ann: Person
) -> None:
    """Its tokens end for good, and its password counts again when it is enabled."""
    accounts = instance.application.accounts
    credentials = {"email": "ann@example.com", "password": PASSWORD}

    await accounts.disable(PLATFORM, "ann@example.com")
    disabled = [
        await ann.get("/auth/me"),
        await client.post("/api/v1/auth/login", json=credentials),
    ]
    await accounts.enable(PLATFORM, "ann@example.com")
    enabled = [await ann.get("/auth/me"), await client.post("/api/v1/auth/login", json=credentials)]

    assert [401, 401] == [answer.status_code for answer in disabled]
    assert [401, 200] == [answer.status_code for answer in enabled]
