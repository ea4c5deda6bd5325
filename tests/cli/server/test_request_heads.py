"""Tests request headers that arrive in pieces."""

import h11
import pytest

from pushpaka_http.cli.server import request_heads
from pushpaka_http.cli.server.request_heads import StrictConnection, require_unambiguous_head

_BEGIN = b"GET / HTTP/1.1\r\n"


def _parsed_events(*parts: bytes) -> list[object]:
    connection, events = StrictConnection(h11.SERVER, 128 * 1024), []
    for part in parts:
        connection.receive_data(part)
        events.append(connection.next_event())
    return events


def test_every_byte_is_examined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if each line arrives separately, earlier bytes are not examined again."""
    examined = []

    def count_checked_bytes(buffer: bytes, *, checked_bytes: int = 0) -> None:
        examined.append(len(buffer) - checked_bytes)
        require_unambiguous_head(buffer, checked_bytes=checked_bytes)

    monkeypatch.setattr(request_heads, "require_unambiguous_head", count_checked_bytes)
    parts = [_BEGIN, *[b"a:\r\n"] * 1_000]

    _parsed_events(*parts)

    assert [len(part) for part in parts] == examined


def test_headers_may_be_split_anywhere() -> None:
    """Even line endings and the end of the headers may be split."""
    text = _BEGIN + b"Host: a\r\n\r\n"

    *waiting, request = _parsed_events(*(text[at : at + 1] for at in range(len(text))))

    assert {h11.NEED_DATA} == set(waiting)
    assert isinstance(request, h11.Request)


@pytest.mark.parametrize("parts", [(b"Host: a", b"\n"), (b"Host: a\r\n", b" b\r\n", b"\r\n")])
def test_ambiguous_headers_are_refused_wherever_they_are_split(parts: tuple[bytes, ...]) -> None:
    """Other servers could interpret such headers differently."""
    with pytest.raises(h11.RemoteProtocolError):
        _parsed_events(_BEGIN, *parts)
