"""Sends API calls over HTTP."""

from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
from anyio import sleep
from attrs import define, field, frozen
from httpx_sse import EventSource, ServerSentEvent

from pushpaka_http.client.calls import Call, authorization_headers
from pushpaka_http.client.errors import UnreachableError
from pushpaka_http.client.responses import (
    read_response,
    require_stream,
    require_success,
    unreachable_error,
)
from pushpaka_http.client.retries import RetryPolicy, RetryState
from pushpaka_http.client.streams import AsyncStream

A = TypeVar("A")


@define
class AsyncConnection:
    """Sends calls to one server with a token, and retries them."""

    address: str
    token: str | None = field(repr=False)
    _http: httpx.AsyncClient = field(repr=False)
    _retry_policy: RetryPolicy

    async def request(self, call: Call, kind: type[A]) -> A:
        """
        Send *call* and return the body of its response as an object of type *kind*.

        Raises:
            ApiError: If the server responded with an error.
            UnexpectedResponseError: If the response is not an object of this type.
            UnreachableError: If the server cannot be reached.
        """
        return read_response(call, await self._send(call), kind)

    async def request_text(self, call: Call) -> str:
        """
        Send *call* and return the body of its response as text. Raises the same errors as
        `request`.
        """
        response = await self._send(call)
        require_success(call, response)
        return response.text

    async def stream_bytes(self, call: Call) -> AsyncStream[bytes]:
        """
        Yield the body of the response to *call* in chunks, without retries.

        Raises:
            ApiError: If the server responded with an error.
            UnreachableError: If the server cannot be reached, or the connection is lost.
        """
        try:
            async with self._stream(call) as response:
                if response.is_error:
                    await response.aread()
                require_success(call, response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.TransportError as error:
            raise unreachable_error(self.address, error) from error

    async def stream_events(
        self, call: Call
    ) -> AsyncStream[tuple[httpx.Response, ServerSentEvent]]:
        """
        Yield the events of a stream until its `end` event, each with its HTTP response.

        After a lost connection, the stream continues after the last event with an id. Each event
        restarts the time limit for retries.

        Raises:
            ApiError: If the server responded with an error.
            UnexpectedResponseError: If the response is not a stream of events.
            UnreachableError: If the stream cannot be resumed within `RetryPolicy.total_seconds`.
        """
        retry_state = RetryState(call, self._retry_policy)
        while True:
            try:
                async with self._stream(call) as response:
                    pause = retry_state.after_response(response)
                    if pause is None:
                        async for event in self._events(call, response):
                            if event.event == "end":
                                return
                            retry_state.reset()
                            call = call.resume_after(event.id) if event.id else call
                            yield response, event
                        pause = retry_state.after_disconnect()
            except httpx.TransportError as error:
                pause = retry_state.after_error(error)
                if pause is None:
                    raise unreachable_error(self.address, error) from error
            if pause is None:
                raise UnreachableError(self.address, "it keeps closing the connection")
            await sleep(pause)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _send(self, call: Call) -> httpx.Response:
        retry_state = RetryState(call, self._retry_policy)
        while True:
            try:
                response = await self._http.send(self._request(call))
            except httpx.TransportError as error:
                pause = retry_state.after_error(error)
                if pause is None:
                    raise unreachable_error(self.address, error) from error
            else:
                pause = retry_state.after_response(response)
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
            headers={**authorization_headers(self.token), **call.headers},
            timeout=self._timeout(call.wait_seconds),
        )

    @asynccontextmanager
    async def _stream(self, call: Call) -> AsyncStream[httpx.Response]:
        request = self._request(call)
        response = await self._http.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def _events(self, call: Call, response: httpx.Response) -> AsyncStream[ServerSentEvent]:
        if response.is_error:
            await response.aread()
        require_stream(call, response)
        async for event in EventSource(response).aiter_sse():
            # httpx-sse also yields an event without data for each comment that follows an id.
            if event.data:
                yield event

    def _timeout(self, seconds: float) -> httpx.Timeout:
        usual = self._http.timeout
        read = None if usual.read is None else usual.read + seconds
        return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


@frozen
class AsyncNamespace:
    """Base class for the API methods of one kind of object, such as projects."""

    _connection: AsyncConnection
