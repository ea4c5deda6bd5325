"""Guessing passwords is slow, and does not lock out the owner of the account."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest
from attrs import define, evolve, field, frozen
from litestar import Litestar
from tests.http.clients import PASSWORD, Person, speaking_to
from tests.http.instances import Instance
from tests.servers.redis import RedisServer, open_process_adapters, wait_until_up
from tests.service_fixtures import SteppedClock

from pushpaka_core.adapters.memory.security import WeakHasher
from pushpaka_core.ports.security import PasswordHasher
from pushpaka_core.ports.system import DEFAULT_WINDOW_SECONDS, RateCounters
from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits, LocalRateCounters

pytestmark = pytest.mark.anyio

ANN, UNKNOWN_EMAIL = "ann@example.com", "nobody@example.com"
HOME, ABROAD, STRANGER = "192.0.2.1", "192.0.2.2", "203.0.113.1"
MOST, MANY = 5, 30
LIMITS = Limits(sign_ins_per_client=MOST, sign_ins_per_account=MOST)


@define
class CountingHasher:
    """A password hasher that counts verifications."""

    _inner: PasswordHasher
    verified: int = field(default=0, init=False)

    async def hash(self, password: str, /) -> str:
        """Return the hash of *password*."""
        return await self._inner.hash(password)

    async def verify(self, password: str, hashed: str | None, /) -> bool:
        """Count the verification, and return its result."""
        self.verified += 1
        return await self._inner.verify(password, hashed)

    def is_outdated(self, hashed: str, /) -> bool:
        """Return True if a hash is outdated."""
        return self._inner.is_outdated(hashed)


@define
class CurrentCounters:
    """Rate counters that forward to those of the current test."""

    inner: RateCounters = field(factory=LocalRateCounters)

    async def hit(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> float | None:
        """Count a hit, or return the seconds to wait if *limit* is reached."""
        return await self.inner.hit(key, limit, window_seconds=window_seconds)

    async def is_limit_reached(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> bool:
        """Return True if the next hit would be refused."""
        return await self.inner.is_limit_reached(key, limit, window_seconds=window_seconds)


@frozen
class Site:
    """An instance with the account of Ann, and its API."""

    instance: Instance
    hasher: CountingHasher
    counters: CurrentCounters
    app: Litestar


@pytest.fixture(scope="module")
async def site() -> Site:
    instance, hasher, counters = Instance.empty(), CountingHasher(WeakHasher()), CurrentCounters()
    application = instance.application
    accounts = evolve(application.accounts, hasher=hasher)
    application = evolve(application, accounts=accounts, rate_counters=counters)
    app = create_app(application, limits=LIMITS)
    async with speaking_to(app) as client:
        await Person.register(client, ANN)
    return Site(instance, hasher, counters, app)


@pytest.fixture
def hasher(site: Site) -> CountingHasher:
    site.hasher.verified = 0
    return site.hasher


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def counters(
    request: pytest.FixtureRequest, clock: SteppedClock
) -> AsyncIterator[RateCounters]:
    """Yield rate counters in memory, or in Redis if the test has the parameter "redis"."""
    if getattr(request, "param", "memory") == "memory":
        yield LocalRateCounters(clock.stopwatch)
        return
    server: RedisServer = request.getfixturevalue("shared_redis")
    async with open_process_adapters(server.url, instance_id=uuid4()) as process:
        await wait_until_up(process)
        yield process.rate_counters


@pytest.fixture
def app(counters: RateCounters, site: Site) -> Iterator[Litestar]:
    site.counters.inner = counters
    before = site.instance.save()
    yield site.app
    site.instance.restore(before)


async def sign_in(app: Litestar, address: str, password: str, email: str = ANN) -> int:
    """Try to sign in from an IP address, and return the status of the response."""
    async with speaking_to(app, address) as client:
        body = {"email": email, "password": password}
        return (await client.post("/api/v1/auth/login", json=body)).status_code


async def guess(app: Litestar, tries: int, email: str = ANN) -> list[int]:
    """Try a wrong password *tries* times from one address, and return the statuses."""
    return [await sign_in(app, STRANGER, "wrong", email) for _ in range(tries)]


async def guess_from_many_addresses(app: Litestar, tries: int, email: str = ANN) -> list[int]:
    """Try a wrong password *tries* times, each from another address. Return the statuses."""
    addresses = [f"198.51.{n // 250}.{n % 250 + 1}" for n in range(tries)]
    return [await sign_in(app, address, "wrong", email) for address in addresses]


async def test_guessing_does_not_lock_out_other_addresses(app: Litestar) -> None:
    """While one address is refused for guessing, the owner can sign in from another one."""
    guesses = await guess(app, 4 * MOST)
    first = await sign_in(app, ABROAD, PASSWORD)
    more = await guess(app, 4 * MOST)
    again = [await sign_in(app, ABROAD, PASSWORD) for _ in range(MOST - 1)]

    assert [401] * MOST + [429] * 3 * MOST == guesses
    assert [429] * 4 * MOST == more
    assert [200] * MOST == [first, *again]


async def test_an_owner_may_mistype_while_others_guess(app: Litestar) -> None:
    """While the account is under attack, mistyped passwords do not lock out the owner's address."""
    await guess(app, MOST)

    mistyped = [await sign_in(app, ABROAD, "wrong") for _ in range(2)]

    assert [429, 429, 200] == [*mistyped, await sign_in(app, ABROAD, PASSWORD)]


@pytest.mark.parametrize(
    "counters",
    ["memory", pytest.param("redis", marks=pytest.mark.needs("redis"))],
    indirect=True,
)
async def test_guessing_from_many_addresses_is_slow(app: Litestar, hasher: CountingHasher) -> None:
    """The number of verified passwords per minute does not depend on the number of addresses."""
    statuses = await guess_from_many_addresses(app, MANY)

    assert [401] * MOST + [429] * (MANY - MOST) == statuses
    assert 2 * MOST == hasher.verified


async def test_usual_addresses_are_not_locked_out(app: Litestar) -> None:
    """Guesses from other addresses do not lock out an address that has signed in before."""
    before = await sign_in(app, HOME, PASSWORD)
    await guess_from_many_addresses(app, MANY)

    during = [await sign_in(app, HOME, password) for password in (PASSWORD, "wrong", PASSWORD)]
    elsewhere = await sign_in(app, ABROAD, PASSWORD)

    assert (200, [200, 429, 200], 429) == (before, during, elsewhere)


async def test_an_address_with_failed_attempts_is_refused(
    app: Litestar, hasher: CountingHasher
) -> None:
    """While others guess, an address that failed before is refused even with the right password."""
    failed = [await sign_in(app, ABROAD, "wrong") for _ in range(3)]
    await guess(app, MOST)
    looked_at = hasher.verified

    assert ([401] * 3, 429) == (failed, await sign_in(app, ABROAD, PASSWORD))
    assert looked_at == hasher.verified


async def test_the_addresses_of_one_subscriber_count_together(
    app: Litestar, hasher: CountingHasher
) -> None:
    """All addresses of an IPv6 /64 network share the attempts of one client."""
    statuses = [await sign_in(app, f"2001:db8::{n + 1:x}", "wrong") for n in range(4 * MOST)]

    assert [401] * MOST + [429] * 3 * MOST == statuses
    assert MOST == hasher.verified


async def test_answers_do_not_reveal_which_accounts_exist(
    app: Litestar, hasher: CountingHasher
) -> None:
    """Guesses at an unknown account get the same responses, and cost as much hashing."""
    outcomes = []
    for email in (ANN, UNKNOWN_EMAIL):
        begun = hasher.verified
        statuses = await guess_from_many_addresses(app, 4 * MOST, email)
        outcomes.append((statuses, hasher.verified - begun))

    assert outcomes[0] == outcomes[1]


async def test_flooding_all_accounts_delays_only_the_flooding_address(app: Litestar) -> None:
    """Guesses at many accounts count together, so one address cannot lock out their owners."""
    statuses = [(await guess(app, 1, f"{n}@example.com"))[0] for n in range(2 * MOST)]

    assert [401] * MOST + [429] * MOST == statuses
    assert 200 == await sign_in(app, ABROAD, PASSWORD)


async def test_failures_expire_after_ten_minutes(app: Litestar, clock: SteppedClock) -> None:
    """Ten minutes after three typos, the owner can sign in even while others guess."""
    for _ in range(3):
        await sign_in(app, ABROAD, "wrong")
    clock.advance(600)
    await guess(app, MOST)

    assert 200 == await sign_in(app, ABROAD, PASSWORD)


async def test_a_password_can_be_changed_while_others_guess(app: Litestar) -> None:
    """Guesses from other addresses do not prevent a signed-in user from changing the password."""
    change = {"current_password": PASSWORD, "new_password": "another horse"}
    async with speaking_to(app, HOME) as client:
        body = {"email": ANN, "password": PASSWORD}
        token = (await client.post("/api/v1/auth/login", json=body)).json()["token"]
        await guess_from_many_addresses(app, MANY)
        changed: httpx.Response = await client.post(
            "/api/v1/auth/password", json=change, headers={"Authorization": f"Bearer {token}"}
        )

    assert 200 == changed.status_code
