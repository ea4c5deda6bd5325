"""Calls, sent and answered over HTTP."""

from contextlib import contextmanager
from typing import TypeVar

import httpx
from time import sleep
from attrs import define, field, frozen

from pushpaka_http.client.answers import read_answer, require_stream, require_success, unreachable
from pushpaka_http.client.calls import Call, authorized
from pushpaka_http.client.errors import UnreachableError
from pushpaka_http.client.events import EventReader, ServerEvent
from pushpaka_http.client.retries import Patience, Retries
from pushpaka_http.client.streams import Stream

A = TypeVar("A")


@define
class Connection:
    """Sends calls to one instance as somebody, again where that helps."""

    address: str
    token: str | None = field(repr=False)
    _http: httpx.Client = field(repr=False)
    _retries: Retries

    def ask(self, call: Call, kind: type[A]) -> A:
        """Return the object that *call* is answered with."""
        return read_answer(call, self._answer(call), kind)

    def text(self, call: Call) -> str:
        """Return the text that *call* is answered with."""
        response = self._answer(call)
        require_success(call, response)
        return response.text

    def follow(self, call: Call) -> Stream[tuple[httpx.Response, ServerEvent]]:
        """Yield events until the server says that it was the last, over as many connections."""
        patience = Patience(call, self._retries)
        while True:
            try:
                with self._stream(call) as response:
                    pause = patience.after_answer(response)
                    if pause is None:
                        for event in self._events(call, response):
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
            sleep(pause)

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def _answer(self, call: Call) -> httpx.Response:
        patience = Patience(call, self._retries)
        while True:
            try:
                response = self._http.send(self._request(call))
            except httpx.TransportError as error:
                pause = patience.after_error(error)
                if pause is None:
                    raise unreachable(self.address, error) from error
            else:
                pause = patience.after_answer(response)
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
            headers={**authorized(self.token), **call.headers},
            timeout=self._timeout(call.seconds),
        )

    @contextmanager
    def _stream(self, call: Call) -> Stream[httpx.Response]:
        request = self._request(call)
        response = self._http.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _events(self, call: Call, response: httpx.Response) -> Stream[ServerEvent]:
        if response.is_error:
            response.read()
        require_stream(call, response)
        reader = EventReader()
        for chunk in response.iter_bytes():
            for event in reader.feed(chunk):
                yield event

    def _timeout(self, seconds: float) -> httpx.Timeout:
        usual = self._http.timeout
        read = None if usual.read is None else usual.read + seconds
        return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


@frozen
class Namespace:
    """What can be asked about one kind of thing."""

    _connection: Connection
