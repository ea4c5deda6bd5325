"""The server under the API: patience, and its end."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from anyio import EndOfStream
from litestar import Litestar, get
from tests.served import free_port

from pushpaka_http.cli.http_server import Patience, listening, serving

pytestmark = pytest.mark.anyio


@get("/", sync_to_thread=False)
def hello() -> str:
    return "hello"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Litestar([hello], openapi_config=None, logging_config=None)
    with listening("127.0.0.1", 0) as listener:
        async with serving(app, listener, patience=Patience(head_seconds=0.3)):
            yield listener.getsockname()[1]


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_client_that_never_finishes_a_head_is_hung_up_on(port: int, head: bytes) -> None:
    """A connection that brings no request, or the beginning of one, is closed in time."""
    async with await anyio.connect_tcp("127.0.0.1", port) as client:
        await client.send(head)

        with anyio.fail_after(3), pytest.raises(EndOfStream):
            await client.receive()


async def test_next_head_on_the_same_connection_has_to_come_in_time_too(port: int) -> None:
    """An answered request buys no patience for the next one."""
    async with await anyio.connect_tcp("127.0.0.1", port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await client.receive()
        await client.send(b"GET / HT")

        with anyio.fail_after(3):
            answer += b"".join([chunk async for chunk in client])

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"server: uvicorn" not in answer.lower()


async def test_server_that_is_cancelled_answers_what_it_has_begun(port: int) -> None:
    """The end of the block lets a request in work be answered, then closes the port."""
    del port
    other = free_port()
    with anyio.CancelScope() as scope, listening("127.0.0.1", other) as listener:
        async with serving(Litestar([hello], openapi_config=None, logging_config=None), listener):
            scope.cancel()
            await anyio.sleep_forever()

    with pytest.raises(OSError, match="All connection attempts failed"):
        await anyio.connect_tcp("127.0.0.1", other)


async def test_server_that_ends_still_tells_that_it_does() -> None:
    """New requests are answered as long as one is in work, and that one as well."""
    begun, let_go, number = anyio.Event(), anyio.Event(), free_port()

    @get("/slow")
    async def slow() -> str:
        begun.set()
        await let_go.wait()
        return "done"

    async def ask(path: str) -> str:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://127.0.0.1:{number}{path}")).text

    async def ask_slowly() -> None:
        answers.append(await ask("/slow"))

    async def ask_late() -> None:
        answers.append(await ask("/"))
        let_go.set()

    answers: list[str] = []
    app = Litestar([hello, slow], openapi_config=None, logging_config=None)
    async with anyio.create_task_group() as clients:
        with listening("127.0.0.1", number) as listener:
            async with serving(app, listener):
                clients.start_soon(ask_slowly)
                await begun.wait()
                clients.start_soon(ask_late)  # Which it does once this block has ended.

    assert ["hello", "done"] == answers
