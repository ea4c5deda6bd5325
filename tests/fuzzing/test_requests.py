"""Mutated queries, headers and tokens are parsed or refused."""

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
from tests.fuzzing.mutations import mutated, mutated_header, mutated_short
from tests.http.clients import UNLIMITED, Person, open_websocket, speaking_to
from tests.http.instances import Instance

from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_core.domain.ids import UserId
from pushpaka_core.errors import NotAuthenticatedError
from pushpaka_core.testing.objects.values import NOON
from pushpaka_http.app import create_app
from pushpaka_http.middleware.client_addresses import UNKNOWN, ClientAddresses

LARGEST = 2**53 - 1
BOUNDS: Mapping[tuple[str, str], tuple[int, int]] = {
    ("/deployments", "limit"): (1, 100),
    ("/deployments", "offset"): (0, LARGEST),
    ("/deployments/{id}", "wait"): (0, 300),
    ("/logs/{id}", "after"): (0, LARGEST),
    ("/logs/{id}", "limit"): (1, 1000),
}
"""The minimum and maximum of numeric query parameters, by path and parameter."""
NUMBERS = ("0", "1", "20", "100", str(LARGEST), "-1", "1e2", "0x10", "\u0661")
KEYS = ("a", "6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10", "deploy main 42", "k" * 255)
HOPS = (
    "203.0.113.7", "203.0.113.7, 198.51.100.2", "198.51.100.2,2001:db8::1 , 10.0.0.9",
    "::ffff:203.0.113.7", "[2001:db8::1]:443", "203.0.113.7:80", "unknown", "_hidden", "",
)  # fmt: skip
PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
TRUSTING = ClientAddresses(PROXIES)
SIGNER = JwtSigner(key=b"k" * 32)
TOKEN = SIGNER.sign(UserId(UUID(int=1)), 3, now=NOON, lifetime=timedelta(days=1))


@frozen
class Site:
    """An API, and a user with one finished deployment."""

    app: Litestar
    portal: BlockingPortal
    token: str
    deployment_id: str
    project_id: str

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request, and return the response, which must not be a server error."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})

        async def ask() -> httpx.Response:
            async with speaking_to(self.app) as client:
                return await client.request(method, f"/api/v1{path}", headers=headers, **more)

        answer: httpx.Response = self.portal.call(ask)
        assert answer.status_code < 500
        return answer

    def close_code(self, query: str) -> int:
        """Watch the deployment's log, and return the close code of the WebSocket."""

        async def code() -> int:
            url = f"/api/v1/logs/{self.deployment_id}/stream?{query}"
            async with open_websocket(self.app, url) as browser:
                while (event := await browser.event())["type"] == "websocket.send":
                    pass
                return int(event["code"])

        return self.portal.call(code)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    instance = Instance.empty()
    app = create_app(instance.application, limits=UNLIMITED)

    async def fill() -> tuple[str, dict[str, Any]]:
        async with speaking_to(app) as client:
            ann = await Person.register(client, "ann@example.com")
            deployment = await ann.deployment()
        await instance.say(deployment["id"], "one", "two", "three")
        await instance.fail()
        return ann.token, deployment

    with start_blocking_portal() as portal:
        token, deployment = portal.call(fill)
        yield Site(app, portal, token, deployment["id"], deployment["project_id"])


def is_whole_number(text: str, minimum: int, maximum: int) -> bool:
    """Return True if *text* is a whole number within the bounds, in ASCII digits."""
    digits = text.removeprefix("-")
    is_read = digits.isascii() and digits.isdigit() and len(digits) <= 20
    return is_read and minimum <= int(text) <= maximum


def url_encoded(text: str) -> str:
    """Return *text* encoded for a URL."""
    return quote(text.encode(errors="surrogatepass"), safe="")


@bounded
@given(path_and_parameter=st.sampled_from(list(BOUNDS)), text=mutated_short(NUMBERS))
def test_a_number_in_a_query_is_within_its_bounds_or_named(
    path_and_parameter: tuple[str, str], text: str, site: Site
) -> None:
    path, name = path_and_parameter
    path = path.format(id=site.deployment_id)

    answer = site.ask("GET", f"{path}?{name}={url_encoded(text)}")

    if answer.status_code != 200:
        assert 400 == answer.status_code
        assert [name] == [detail["field"] for detail in answer.json()["details"]]
    else:
        assert is_whole_number(text, *BOUNDS[path_and_parameter])


@bounded
@given(text=mutated_short(NUMBERS))
def test_stream_starts_at_a_valid_position_or_closes_with_4400(text: str, site: Site) -> None:
    code = site.close_code(f"token={site.token}&after={url_encoded(text)}")

    is_valid = text.isdigit() and is_whole_number(text, 0, LARGEST)
    assert code == (1000 if is_valid else 4400)


@bounded
@given(token=mutated_short([TOKEN, "", "ppk_" + "a" * 43, f"Bearer {TOKEN}"]))
def test_a_stream_with_a_changed_token_closes_with_4401(token: str, site: Site) -> None:
    assert 4401 == site.close_code(f"token={url_encoded(token)}")


@bounded
@given(key=mutated_header(KEYS))
def test_idempotency_key_is_honored_or_rejected(key: str, site: Site) -> None:
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
@given(token=mutated([TOKEN]))
def test_a_changed_token_is_refused_or_has_the_same_claims(token: str) -> None:
    claims = outcome(lambda: SIGNER.verify(token, now=NOON), NotAuthenticatedError)

    assert isinstance(claims, Refusal) or claims == SIGNER.verify(TOKEN, now=NOON)


@bounded
@given(token=mutated_header([TOKEN, f"{TOKEN} {TOKEN}", "ppk_" + "a" * 43, "Og=="]))
def test_a_request_with_a_changed_token_is_refused(token: str, site: Site) -> None:
    header = f"Bearer {token}".encode("latin-1")

    answer = site.ask("GET", "/projects", headers={"Authorization": header})

    assert (401, "Bearer") == (answer.status_code, answer.headers["WWW-Authenticate"])


@bounded
@given(
    hops=st.lists(mutated_header(HOPS), max_size=3),
    peer=st.sampled_from(["10.0.0.1", "fd00::1", "192.0.2.1", "::ffff:10.0.0.1", ""]),
)
def test_a_client_is_never_a_trusted_proxy(hops: list[str], peer: str) -> None:
    """If the peer is not a trusted proxy, its own address is used, whatever the headers contain."""
    address = address_of(hops, peer)

    if address != UNKNOWN:
        assert not any(ip_address(address) in network for network in PROXIES)
    if peer == "192.0.2.1":
        assert peer == address


@bounded
@given(hops=st.lists(mutated_header(HOPS), max_size=3))
def test_earlier_hops_do_not_change_the_client(hops: list[str]) -> None:
    assert "203.0.113.7" == address_of([*hops, "203.0.113.7"], "10.0.0.1")


def address_of(hops: list[str], peer: str) -> str:
    """Return the client address that the API finds for a request from *peer* via *hops*."""
    headers = [(b"x-forwarded-for", hop.encode("latin-1")) for hop in hops]
    scope: Any = {"type": "http", "headers": headers, "client": (peer, 1) if peer else None}
    found = outcome(lambda: TRUSTING.of(scope), ValueError)
    assert isinstance(found, str)
    return found
