"""Checks whether a program on another machine accepts connections."""

from anyio import BrokenResourceError, EndOfStream, connect_tcp, fail_after, move_on_after
from anyio.abc import SocketStream

_CONNECT_TIMEOUT, _PROXY_CLOSE_TIMEOUT = 2, 0.05


async def is_listening(host: str, port: int) -> bool:
    """
    Return whether a program accepts connections on a port.

    A proxy in between may accept a connection before the program does, but then closes it at once.
    """
    try:
        with fail_after(_CONNECT_TIMEOUT):
            stream = await connect_tcp(host, port)
    except (OSError, TimeoutError):
        return False
    async with stream:
        return await _stays_open(stream)


async def _stays_open(stream: SocketStream) -> bool:
    try:
        with move_on_after(_PROXY_CLOSE_TIMEOUT):
            await stream.receive(1)
    except (EndOfStream, BrokenResourceError):
        return False
    return True
