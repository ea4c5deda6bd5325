"""What comes with requests beside their bodies: taken for what it is, or refused by its name."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import nearly, nearly_header, nearly_short
from tests.http.clients import UNLIMITED, Person, connected, speaking_to
from tests.http.instances import Instance

from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import NotAuthenticatedError
from pushpaka_core.testing.objects import NOON
from pushpaka_http.app import create_app
from pushpaka_http.client_addresses import UNKNOWN, ClientAddresses

LARGEST = 2**53 - 1
BOUNDS: Mapping[tuple[str, str], tuple[int, int]] = {
    ("/deployments", "limit"): (1, 100),
    ("/deployments", "offset"): (0, LARGEST),
    ("/deployments/{id}", "wait"): (0, 300),
    ("/logs/{id}", "after"): (0, LARGEST),
    ("/logs/{id}", "limit"): (1, 1000),
}
"""What may be asked for, by path and parameter."""
NUMBERS = ("0", "1", "20", "100", str(LARGEST), "-1", "1e2", "0x10", "\u0661")
KEYS = ("a", "6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10", "deploy main 42", "k" * 255)
HOPS = (
    "203.0.113.7", "203.0.113.7, 198.51.100.2", "198.51.100.2,2001:db8::1 , 10.0.0.9",
    "::ffff:203.0.113.7", "[2001:db8::1]:443", "203.0.113.7:80", "unknown", "_hidden", "",
)  # fmt: skip
PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
TRUSTING = ClientAddresses(PROXIES)
SIGNER = JwtSigner(key=b"k" * 32)
TOKEN = SIGNER.sign(UserId(UUID(int=1)), 3, at=NOON, lifetime=timedelta(days=1))


@frozen
class Site:
    """An API with somebody who has a deployment that is over, asked from outside its loop."""

    app: Litestar
    portal: BlockingPortal
    token: str
    deployment_id: str
    project_id: str

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer, which is never our fault."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})

        async def ask() -> httpx.Response:
            async with speaking_to(self.app) as client:
                return await client.request(method, f"/api/v1{path}", headers=headers, **more)

        answer: httpx.Response = self.portal.call(ask)
        assert answer.status_code < 500
        return answer

    def close_code(self, query: str) -> int:
        """Return with which code the log of the deployment is closed, once all is said."""

        async def code() -> int:
            url = f"/api/v1/logs/{self.deployment_id}/stream?{query}"
            async with connected(self.app, url) as browser:
                while (event := await browser.event())["type"] == "websocket.send":
                    pass
                return int(event["code"])

        return self.portal.call(code)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    instance = Instance.empty()
    app = create_app(instance.application, limits=UNLIMITED)

    async def filled() -> tuple[str, dict[str, Any]]:
        async with speaking_to(app) as client:
            ann = await Person.registered(client, "ann@example.com")
            deployment = await ann.deployment()
        await instance.say(deployment["id"], "one", "two", "three")
        await instance.fail()
        return ann.token, deployment

    with start_blocking_portal() as portal:
        token, deployment = portal.call(filled)
        yield Site(app, portal, token, deployment["id"], deployment["project_id"])


def is_whole_number(text: str, least: int, most: int) -> bool:
    """Tell whether *text* is one within its bounds, in digits that everybody reads."""
    digits = text.removeprefix("-")
    is_read = digits.isascii() and digits.isdigit() and len(digits) <= 20
    return is_read and least <= int(text) <= most


def spelt(text: str) -> str:
    """Return *text* as an address has it."""
    return quote(text.encode(errors="surrogatepass"), safe="")


@bounded
@given(of=st.sampled_from(list(BOUNDS)), text=nearly_short(NUMBERS))
def test_a_cursor_is_within_its_bounds_or_named(of: tuple[str, str], text: str, site: Site) -> None:
    """A page, a place in a log or a wait is given as a number that there is, or refused."""
    path, name = of
    path = path.format(id=site.deployment_id)

    answer = site.ask("GET", f"{path}?{name}={spelt(text)}")

    if answer.status_code != 200:
        assert 400 == answer.status_code
        assert [name] == [detail["field"] for detail in answer.json()["details"]]
    else:
        assert is_whole_number(text, *BOUNDS[of])


@bounded
@given(text=nearly_short(NUMBERS))
def test_a_stream_begins_where_it_is_told_or_is_closed_by_a_code(text: str, site: Site) -> None:
    """A place behind all lines ends the stream as any other does; what is none is refused."""
    code = site.close_code(f"token={site.token}&after={spelt(text)}")

    is_told = text.isdigit() and is_whole_number(text, 0, LARGEST)
    assert code == (1000 if is_told else 4400)


@bounded
@given(token=nearly_short([TOKEN, "", "ppk_" + "a" * 43, f"Bearer {TOKEN}"]))
def test_a_stream_is_shown_to_nobody_by_a_token_that_is_none(token: str, site: Site) -> None:
    """Whatever is sent as a token, a browser sees why it is not let in."""
    assert 4401 == site.close_code(f"token={spelt(token)}")


@bounded
@given(key=nearly_header(KEYS))
def test_a_key_makes_one_deployment_or_is_refused(key: str, site: Site) -> None:
    """The same key gives the same deployment, and never one of something else."""
    headers = {"Idempotency-Key": key.encode("latin-1")}
    body = {"project_id": site.project_id}

    answers = [
        site.ask("POST", "/deployments", headers=headers, json=body | more)
        for more in ({}, {}, {"branch": "next"})
    ]

    statuses = [answer.status_code for answer in answers]
    if statuses != [400, 400, 400]:
        assert [201, 201, 409] == statuses
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert 1 <= len(key) <= 255
        assert key.isprintable()


@bounded
@given(token=nearly([TOKEN]))
def test_a_token_is_the_one_that_was_given_or_none(token: str) -> None:
    """No change of a token changes what it says: it is refused, or says the same."""
    claims = outcome(lambda: SIGNER.verify(token, at=NOON), NotAuthenticatedError, within=0.1)

    assert isinstance(claims, Refusal) or claims == SIGNER.verify(TOKEN, at=NOON)


@bounded
@given(token=nearly_header([TOKEN, f"{TOKEN} {TOKEN}", "ppk_" + "a" * 43, "Og=="]))
def test_nobody_is_let_in_by_a_token_that_is_none(token: str, site: Site) -> None:
    """Whatever is sent as a token, the answer is the same."""
    header = f"Bearer {token}".encode("latin-1")

    answer = site.ask("GET", "/projects", headers={"Authorization": header})

    assert (401, "Bearer") == (answer.status_code, answer.headers["WWW-Authenticate"])


@bounded
@given(
    told=st.lists(nearly_header(HOPS), max_size=3),
    peer=st.sampled_from(["10.0.0.1", "fd00::1", "192.0.2.1", "::ffff:10.0.0.1", ""]),
)
def test_a_client_is_an_address_and_no_proxy_of_ours(told: list[str], peer: str) -> None:
    """Whoever is asked for is somebody; whom nobody trusts is believed nothing."""
    address = address_of(told, peer)

    if address != UNKNOWN:
        assert not any(ip_address(address) in network for network in PROXIES)
    if peer == "192.0.2.1":
        assert peer == address


@bounded
@given(told=st.lists(nearly_header(HOPS), max_size=3))
def test_what_a_client_writes_before_its_address_changes_nothing(told: list[str]) -> None:
    """The hop that our proxy saw is the client, whatever that one claims."""
    assert "203.0.113.7" == address_of([*told, "203.0.113.7"], "10.0.0.1")


def address_of(told: list[str], peer: str) -> str:
    """Return whom a request comes from, by what proxies told of it."""
    headers = [(b"x-forwarded-for", hop.encode("latin-1")) for hop in told]
    scope: Any = {"type": "http", "headers": headers, "client": (peer, 1) if peer else None}
    found = outcome(lambda: TRUSTING.of(scope), ValueError, within=0.1)
    assert isinstance(found, str)
    return found
