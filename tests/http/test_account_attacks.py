"""What people try with accounts: races, look-alikes, odd passwords and guessing."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group
from attrs import evolve
from tests.http.clients import PASSWORD, UNLIMITED, speaking_to
from tests.http.instances import Instance
from tests.postgres import POSTGRES, PostgresServer

from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.ports.storage import Storage
from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import ProcessRateCounters

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", POSTGRES])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    """A storage of each kind in which people can really be at the same time."""
    if request.param == "sqlite":
        async with open_storage(f"sqlite:///{tmp_path / 'db'}", migrate=True) as storage:
            yield storage
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        async with open_storage(url, migrate=False) as storage:
            yield storage


async def register(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    """Ask for an account."""
    body = {"email": "ann@example.com", "name": "Ann", "password": PASSWORD, **changes}
    return await client.post("/api/v1/auth/register", json=body)


async def log_in(client: httpx.AsyncClient, password: str) -> httpx.Response:
    """Try a password."""
    body = {"email": "ann@example.com", "password": password}
    return await client.post("/api/v1/auth/login", json=body)


async def test_of_many_who_take_an_address_at_once_one_gets_it(storage: Storage) -> None:
    """The others are told that it is taken, and there is one account."""
    application = Instance.empty().application
    accounts = evolve(application.accounts, storage=storage)
    app = create_app(evolve(application, accounts=accounts), limits=UNLIMITED)
    statuses: Counter[int] = Counter()

    async def ask(client: httpx.AsyncClient, email: str) -> None:
        statuses[(await register(client, email=email)).status_code] += 1

    async with speaking_to(app) as client, create_task_group() as tasks:
        for email in ["ann@example.com", "Ann@Example.com"] * 10:
            tasks.start_soon(ask, client, email)

    async with storage.snapshot() as uow:
        users = await uow.users.all()
    assert {201: 1, 409: 19} == statuses
    assert ["ann@example.com"] == [user.email for user in users]


@pytest.mark.parametrize(
    ("email", "status"),
    [
        ("ANN@EXAMPLE.COM", 409),
        ("\u212aim@example.com", 400),
        ("ann@\uff45xample.com", 400),
        ("\u0131nn@example.com", 400),
        ("ann@ex\u0430mple.com", 400),
        ("ann@example.com\n", 400),
        (" ann@example.com", 400),
        ("ann@example.com\u200b", 400),
    ],
)
async def test_an_address_that_looks_like_anothers_makes_no_account(
    client: httpx.AsyncClient, email: str, status: int
) -> None:
    """It is the same address, or none."""
    await register(client)

    assert status == (await register(client, email=email)).status_code


@pytest.mark.parametrize(
    "password", ["x" * 8, "x" * 1024, "\U0001f600" * 8, "x" * 72 + "last", "  spaces  "]
)
async def test_a_password_counts_to_its_last_character(
    client: httpx.AsyncClient, password: str
) -> None:
    """Nothing of it is cut off, trimmed or folded."""
    assert 201 == (await register(client, password=password)).status_code

    others = [password[:-1] + "y", password[:-1], password + "x"]

    assert [401] * 3 == [(await log_in(client, other)).status_code for other in others]
    assert 200 == (await log_in(client, password)).status_code


@pytest.mark.parametrize("password", ["x" * 7, "x" * 1025, "x" * 1_000_000, "nul\0" * 8, 12345678])
async def test_what_cannot_be_a_password_is_refused_without_a_hash(
    client: httpx.AsyncClient, instance: Instance, password: object
) -> None:
    """It is judged before anything slow is done for it."""
    answer = await register(client, password=password)

    assert 400 == answer.status_code
    assert ["password"] == [problem["field"] for problem in answer.json()["details"]]
    assert len(answer.text) < 500
    async with instance.world.storage.snapshot() as uow:
        assert [] == list(await uow.users.all())


async def test_who_was_held_off_gets_in_when_the_minute_is_over(
    instance: Instance,
) -> None:
    """Nobody is locked out for good by those who guess at their password."""
    seconds = 0.0
    counters = ProcessRateCounters(lambda: seconds)
    application = evolve(instance.application, rate_counters=counters)
    async with speaking_to(create_app(application)) as client:
        await register(client)
        guesses = [await log_in(client, "wrong") for _ in range(10)]
        held_off = await log_in(client, PASSWORD)
        wait = int(held_off.headers["Retry-After"])
        seconds += wait

        let_in = await log_in(client, PASSWORD)

    assert [401] * 9 + [429] == [answer.status_code for answer in guesses]
    assert 429 == held_off.status_code
    assert wait in range(1, 61)
    assert 200 == let_in.status_code
