"""What is asked again after trouble, and what is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx
import pytest
from anyio import Event, create_task_group, fail_after
from attrs import define, field
from tests.client.conftest import BRIEF
from tests.client.proxy import Proxy
from tests.http.clients import REPO, UNLIMITED, Person
from tests.http.instances import Instance
from tests.http.raw import served
from tests.served import free_port

from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import listening, serving
from pushpaka_http.client import (
    AsyncClient,
    Retries,
    ServerError,
    TooManyRequestsError,
    UnreachableError,
)

pytestmark = pytest.mark.anyio

ANN = {"email": "ann@example.com", "name": "Ann", "password": "correct horse"}
BUSY = b'{"error": "Not now.", "code": "unavailable", "request_id": "r-1"}'


@pytest.fixture(autouse=True)
async def in_time() -> AsyncIterator[None]:
    with fail_after(20):
        yield


@define
class Troubled:
    """What stands before an API, and answers some requests itself before it lets one through."""

    _app: Any
    troubles: list[tuple[int, str | None, bytes]] = field(factory=list)
    """The status, the Retry-After and the body of each of them."""
    asked: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        self.asked += scope["type"] == "http"
        if scope["type"] != "http" or not self.troubles:
            await self._app(scope, receive, send)
            return
        status, retry_after, body = self.troubles.pop(0)
        headers = [(b"content-type", b"application/json" if body == BUSY else b"text/html")]
        if retry_after is not None:
            headers.append((b"retry-after", retry_after.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def troubled(
    instance: Instance, *troubles: tuple[int, str | None, bytes], retries: Retries = BRIEF
) -> AsyncIterator[tuple[AsyncClient, Troubled]]:
    """Yield a client of an API that has *troubles* from now on."""
    front = Troubled(create_app(instance.application, limits=UNLIMITED))
    async with served(front) as port, AsyncClient(f"http://127.0.0.1:{port}") as first:
        await first.auth.register(**ANN)
        token = (await first.tokens.create(name="CI", scope="full")).token
        front.troubles, front.asked = list(troubles), 0
        async with AsyncClient(first.base_url, token=token, retries=retries) as client:
            yield client, front


async def test_lost_answer_makes_no_second_deployment(
    client: AsyncClient, proxy: Proxy, ann: Person
) -> None:
    """A deployment is asked for again with the same key, and there is one."""
    project = await ann.project()
    proxy.lost_answers = 2

    deployment = await client.deployments.create(project_id=project["id"])

    assert [deployment] == [one async for one in client.deployments.all()]


async def test_lost_answer_to_a_question_is_asked_for_again(
    client: AsyncClient, proxy: Proxy
) -> None:
    """What changes nothing may be repeated."""
    proxy.lost_answers = 2

    assert "ann@example.com" == (await client.auth.me()).email


async def test_what_might_be_done_twice_is_not_repeated(client: AsyncClient, proxy: Proxy) -> None:
    """A project whose answer is lost has been made, and is not made again."""
    proxy.lost_answers = 1

    with pytest.raises(UnreachableError):
        await client.projects.create(name="shop", repo_url=REPO)

    assert ["shop"] == [project.name for project in (await client.projects.list()).data]


class Refused(httpx.AsyncHTTPTransport):
    """A way over the network that tells when nobody listens at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        try:
            return await super().handle_async_request(request)
        except httpx.ConnectError:
            self.told.set()
            raise


async def test_what_never_arrived_is_repeated(instance: Instance) -> None:
    """A server that is being started gets what nobody took before."""
    port, refused, registered = free_port(), Refused(), Event()
    client = AsyncClient(f"http://127.0.0.1:{port}", transport=refused, retries=BRIEF)

    async def register() -> None:
        await client.auth.register(**ANN)
        registered.set()

    async with client, create_task_group() as tasks:
        tasks.start_soon(register)
        await refused.told.wait()
        with listening("127.0.0.1", port) as listener:
            async with serving(create_app(instance.application), listener):
                await registered.wait()


async def test_address_at_which_nobody_listens_is_told() -> None:
    """The error names the address, and what to do."""
    address = f"http://127.0.0.1:{free_port()}/api/v1"
    async with AsyncClient(address, retries=Retries(total=0)) as client:
        with pytest.raises(UnreachableError, match=r"nobody listens there.*try again") as told:
            await client.auth.me()

    assert address in str(told.value)


async def test_retry_after_is_waited_for(instance: Instance) -> None:
    """A client comes back when it is asked to, not before."""
    async with troubled(instance, (429, "1", BUSY), (503, "0", BUSY)) as (client, front):
        began = monotonic()

        await client.projects.list()

        assert 3 == front.asked
        assert 1 <= monotonic() - began


async def test_limit_is_waited_for_whatever_is_asked(instance: Instance) -> None:
    """What was refused by a limit has done nothing, and may be repeated."""
    async with troubled(instance, (429, "0", BUSY)) as (client, front):
        await client.projects.create(name="shop", repo_url=REPO)

        assert 2 == front.asked


async def test_outage_may_have_done_it(instance: Instance) -> None:
    """What is no limit may have come halfway: only what is harmless is repeated."""
    async with troubled(instance, (503, "0", BUSY)) as (client, front):
        with pytest.raises(ServerError, match=r"Not now\. \(request r-1\)") as told:
            await client.projects.create(name="shop", repo_url=REPO)

        assert (503, "unavailable", "r-1", 0) == (
            told.value.status,
            told.value.code,
            told.value.request_id,
            told.value.retry_after,
        )
        assert 1 == front.asked


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_trouble_before_the_instance_is_waited_for(instance: Instance, status: int) -> None:
    """What a proxy says for an instance that is away is no answer."""
    page = b"<html>Bad Gateway</html>"
    async with troubled(instance, (status, None, page), (status, None, page)) as (client, front):
        await client.projects.list()

        assert 3 == front.asked


async def test_nobody_waits_longer_than_wanted(instance: Instance) -> None:
    """A pause that ends behind the total is not begun: the error comes at once."""
    async with troubled(instance, (429, "60", BUSY)) as (client, front):
        with pytest.raises(TooManyRequestsError) as told:
            await client.projects.list()

        assert 60 == told.value.retry_after
        assert 1 == front.asked


async def test_trouble_that_stays_is_told(instance: Instance) -> None:
    """Once the total is over, the last answer is the answer."""
    page = (502, None, b"<html>Bad Gateway</html>")
    briefly = Retries(total=0.2, first_pause=0.02, longest_pause=0.05)
    async with troubled(instance, *[page] * 1000, retries=briefly) as (client, front):
        with pytest.raises(ServerError, match="502 Bad Gateway"):
            await client.projects.list()

        assert 1 < front.asked < 40


async def test_outage_is_an_answer_where_health_is_asked_for(instance: Instance) -> None:
    """Whoever asks what works hears what does not, at once."""
    instance.parts.is_database_up = False
    async with (
        served(create_app(instance.application)) as port,
        AsyncClient(f"http://127.0.0.1:{port}") as client,
    ):
        health = await client.health.check()

    assert "degraded" == health.status
    assert health.checks["database"] is False
