"""Requests whose end two programs could see at two places, refused before they are read."""

import re
from http import HTTPStatus
from typing import Any

import h11

_END = re.compile(rb"\r?\n\r?\n")
_LONGEST_END = 4
_BARE_LF = re.compile(rb"(?<!\r)\n")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class StrictConnection(h11.Connection):
    """
    Reads HTTP/1.1 by the letter where h11 is lenient.

    Behind a proxy that reads such a request in another way, one could be hidden in the
    body of another.
    """

    refusal: h11.RemoteProtocolError | None = None
    """Why nothing more is read, once that is so."""
    _is_new: bool = False
    """Whether there are lines that nobody has looked at."""
    _looked: int = 0
    """How much of a head was looked at, so that one that comes bit by bit is read once."""

    def receive_data(self, data: bytes) -> None:
        """Take what has come."""
        self._is_new = self._is_new or b"\n" in data
        super().receive_data(data)

    def start_next_cycle(self) -> None:
        """Go on to the next request, which may have come already."""
        super().start_next_cycle()
        self._is_new, self._looked = True, 0

    def next_event(self) -> Any:
        """Return the next event; RemoteProtocolError."""
        try:
            if self.their_state is h11.IDLE and self._is_new:
                received = self.trailing_data[0]
                require_one_meaning(received, looked=self._looked)
                self._is_new, self._looked = False, len(received)
            return super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = error
            raise


def require_one_meaning(received: bytes, *, looked: int = 0) -> None:
    """
    Pass the head of a request, or its beginning, if everybody reads it in the same way.

    So many bytes of it have passed already, without an end.

    Raises:
        RemoteProtocolError: If lines end in two ways or are folded, or if its body has more
            than one length.
    """
    end = _END.search(received, max(0, looked - _LONGEST_END))
    head = received[: end.end()] if end else received
    if _BARE_LF.search(head, looked):
        raise _refused("a line that ends without CR")
    if end:
        _require_one_length(*head.split(b"\r\n"))


def _require_one_length(request_line: bytes, *fields: bytes) -> None:
    if any(field.startswith((b" ", b"\t")) for field in fields):
        raise _refused("a folded line")
    pairs = [field.partition(b":") for field in fields]
    lengths: dict[bytes, bytes] = {}
    for name, _, value in pairs:
        if name.strip().lower() in _FRAMING:
            if lengths:
                raise _refused("two lengths of a body")
            lengths[name.strip().lower()] = value.strip()
    if not lengths.get(b"content-length", b"0").isdigit():
        raise _refused("a length that is no number")
    if b"transfer-encoding" in lengths and request_line.endswith(b"HTTP/1.0"):
        raise _refused("chunks in HTTP/1.0")


def _refused(what: str) -> h11.RemoteProtocolError:
    return h11.RemoteProtocolError(f"There is {what}.", error_status_hint=HTTPStatus.BAD_REQUEST)
