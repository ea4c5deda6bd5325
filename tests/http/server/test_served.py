"""The API behind a real server, with closed connections and full buffers."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from tests.http.clients import Person, log_stream_path
from tests.http.instances import Instance
from tests.http.raw import serve
from websockets.asyncio.client import connect

pytestmark = pytest.mark.anyio


async def wait_until_unwatched(client: httpx.AsyncClient) -> None:
    while "pushpaka_log_watchers 0.0" not in (await client.get("/metrics")).text:
        pass


@pytest.fixture
async def port(app: Litestar) -> AsyncIterator[int]:
    async with serve(app) as port:
        yield port


@pytest.fixture
async def ann(port: int) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield await Person.register(client, "ann@example.com")


async def test_a_reader_of_a_long_log_gets_each_line_once(
    ann: Person, port: int, instance: Instance
) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], *["x" * 1000] * 3000)
    await instance.fail()

    async with connect(f"ws://127.0.0.1:{port}{log_stream_path(deployment, ann.token)}") as browser:
        lines = [line async for line in browser]

    assert (3000, 1000) == (len(lines), browser.close_code)


async def test_an_event_stream_ends_with_its_connection(ann: Person, instance: Instance) -> None:
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one")
    headers = {"Authorization": f"Bearer {ann.token}"}

    path = f"/api/v1/logs/{deployment['id']}/sse"
    async with ann.client.stream("GET", path, headers=headers) as answer:
        first = await anext(answer.aiter_lines())
    await wait_until_unwatched(ann.client)

    assert "id: 1" == first
