"""Sends API calls over HTTP."""

from contextlib import contextmanager
from typing import TypeVar

import httpx
from time import sleep
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
from pushpaka_http.client.streams import Stream

A = TypeVar("A")


@define
class Connection:
    """Sends calls to one server with a token, and retries them."""

    address: str
    token: str | None = field(repr=False)
    _http: httpx.Client = field(repr=False)
    _retry_policy: RetryPolicy

    def request(self, call: Call, kind: type[A]) -> A:
        """
        Send *call* and return the body of its response as an object of type *kind*.

        Raises:
            ApiError: If the server responded with an error.
            UnexpectedResponseError: If the response is not an object of this type.
            UnreachableError: If the server cannot be reached.
        """
        return read_response(call, self._send(call), kind)

    def request_text(self, call: Call) -> str:
        """
        Send *call* and return the body of its response as text. Raises the same errors as
        `request`.
        """
        response = self._send(call)
        require_success(call, response)
        return response.text

    def stream_bytes(self, call: Call) -> Stream[bytes]:
        """
        Yield the body of the response to *call* in chunks, without retries.

        Raises:
            ApiError: If the server responded with an error.
            UnreachableError: If the server cannot be reached, or the connection is lost.
        """
        try:
            with self._stream(call) as response:
                if response.is_error:
                    response.read()
                require_success(call, response)
                for piece in response.iter_bytes():
                    yield piece
        except httpx.TransportError as error:
            raise unreachable_error(self.address, error) from error

    def stream_events(
        self, call: Call
    ) -> Stream[tuple[httpx.Response, ServerSentEvent]]:
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
                with self._stream(call) as response:
                    pause = retry_state.after_response(response)
                    if pause is None:
                        for event in self._events(call, response):
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
            sleep(pause)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _send(self, call: Call) -> httpx.Response:
        retry_state = RetryState(call, self._retry_policy)
        while True:
            try:
                response = self._http.send(self._request(call))
            except httpx.TransportError as error:
                pause = retry_state.after_error(error)
                if pause is None:
                    raise unreachable_error(self.address, error) from error
            else:
                pause = retry_state.after_response(response)
                if pause is None:
                    return response
            sleep(pause)

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

    @contextmanager
    def _stream(self, call: Call) -> Stream[httpx.Response]:
        request = self._request(call)
        response = self._http.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _events(self, call: Call, response: httpx.Response) -> Stream[ServerSentEvent]:
        if response.is_error:
            response.read()
        require_stream(call, response)
        for event in EventSource(response).iter_sse():
            # httpx-sse also yields an event without data for each comment that follows an id.
            if event.data:
                yield event

    def _timeout(self, seconds: float) -> httpx.Timeout:
        usual = self._http.timeout
        read = None if usual.read is None else usual.read + seconds
        return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


@frozen
class Namespace:
    """Base class for the API methods of one kind of object, such as projects."""

    _connection: Connection
