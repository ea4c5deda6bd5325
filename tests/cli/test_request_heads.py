"""Heads of requests that come bit by bit."""

from time import process_time

import h11
import pytest

from pushpaka_http.cli.request_heads import StrictConnection

_BEGIN = b"GET / HTTP/1.1\r\n"


def _heard(*parts: bytes) -> list[object]:
    connection, events = StrictConnection(h11.SERVER, 128 * 1024), []
    for part in parts:
        connection.receive_data(part)
        events.append(connection.next_event())
    return events


def test_a_head_is_read_once_however_it_comes() -> None:
    """A client that sends each line for itself costs little more than one that sends all."""
    began = process_time()

    _heard(_BEGIN, *[b"a:\r\n"] * 20_000)

    assert process_time() - began < 2


def test_a_head_may_be_parted_anywhere() -> None:
    """Also between the two characters that end a line, and those that end the head."""
    text = _BEGIN + b"Host: a\r\n\r\n"

    *waiting, request = _heard(*(text[at : at + 1] for at in range(len(text))))

    assert {h11.NEED_DATA} == set(waiting)
    assert isinstance(request, h11.Request)


@pytest.mark.parametrize("parts", [(b"Host: a", b"\n"), (b"Host: a\r\n", b" b\r\n", b"\r\n")])
def test_what_is_refused_is_found_in_any_part(parts: tuple[bytes, ...]) -> None:
    """What two programs could read in two ways may come in pieces."""
    with pytest.raises(h11.RemoteProtocolError):
        _heard(_BEGIN, *parts)
