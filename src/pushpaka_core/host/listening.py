"""Checks whether a program could listen on an address."""

import socket


def require_bindable(host: str, port: int) -> None:
    """
    Raise OSError unless *host* and *port* can be bound now.

    Args:
        host: A host name or an address. An empty string means all addresses of the machine.
        port: The TCP port, or 0 to check the address only.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
