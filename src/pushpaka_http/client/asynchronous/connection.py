"""Calls, sent and answered over HTTP."""

from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
from anyio import sleep
from attrs import define, field, frozen

from pushpaka_http.client.answers import read_answer, require_stream, require_success, unreachable
from pushpaka_http.client.calls import Call, authorized
from pushpaka_http.client.errors import UnreachableError
from pushpaka_http.client.events import EventReader, ServerEvent
from pushpaka_http.client.retries import Patience, Retries
from pushpaka_http.client.streams import AsyncStream

A = TypeVar("A")


@define
class AsyncConnection:
    """Sends calls to one instance as somebody, again where that helps."""

    address: str
    token: str | None = field(repr=False)
    _http: httpx.AsyncClient = field(repr=False)
    _retries: Retries

    async def ask(self, call: Call, kind: type[A]) -> A:
        """Return the object that *call* is answered with."""
        return read_answer(call, await self._answer(call), kind)

    async def text(self, call: Call) -> str:
        """Return the text that *call* is answered with."""
        response = await self._answer(call)
        require_success(call, response)
        return response.text

    async def follow(self, call: Call) -> AsyncStream[tuple[httpx.Response, ServerEvent]]:
        """Yield events until the server says that it was the last, over as many connections."""
        patience = Patience(call, self._retries)
        while True:
            try:
                async with self._stream(call) as response:
                    pause = patience.after_answer(response)
                    if pause is None:
                        async for event in self._events(call, response):
                            if event.name == "end":
                                return
                            patience.renew()
                            call = call if event.id is None else call.resumed(event.id)
                            yield response, event
                        pause = patience.after_end()
            except httpx.TransportError as error:
                pause = patience.after_error(error)
                if pause is None:
                    raise unreachable(self.address, error) from error
            if pause is None:
                raise UnreachableError(self.address, "it hangs up again and again")
            await sleep(pause)

    async def close(self) -> None:
        """Close what is open."""
        await self._http.aclose()

    async def _answer(self, call: Call) -> httpx.Response:
        patience = Patience(call, self._retries)
        while True:
            try:
                response = await self._http.send(self._request(call))
            except httpx.TransportError as error:
                pause = patience.after_error(error)
                if pause is None:
                    raise unreachable(self.address, error) from error
            else:
                pause = patience.after_answer(response)
                if pause is None:
                    return response
            await sleep(pause)

    def _request(self, call: Call) -> httpx.Request:
        return self._http.build_request(
            call.method,
            f"{self.address}{call.path}",
            params=call.query or None,
            json=call.body,
            content=call.content,
            headers={**authorized(self.token), **call.headers},
            timeout=self._timeout(call.seconds),
        )

    @asynccontextmanager
    async def _stream(self, call: Call) -> AsyncStream[httpx.Response]:
        request = self._request(call)
        response = await self._http.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def _events(self, call: Call, response: httpx.Response) -> AsyncStream[ServerEvent]:
        if response.is_error:
            await response.aread()
        require_stream(call, response)
        reader = EventReader()
        async for chunk in response.aiter_bytes():
            for event in reader.feed(chunk):
                yield event

    def _timeout(self, seconds: float) -> httpx.Timeout:
        usual = self._http.timeout
        read = None if usual.read is None else usual.read + seconds
        return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


@frozen
class AsyncNamespace:
    """What can be asked about one kind of thing."""

    _connection: AsyncConnection
