"""A program that reads one notification from its standard input and sends it."""

import json
import logging
import sys
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from attrs import define, field

from pushpaka_core.adapters.apprise.outcomes import Outcome
from pushpaka_core.domain.networks import IPNetwork, is_allowed_address

_CONNECT_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_FORBIDDEN_EVENTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "subprocess.Popen",
        "syslog.openlog",
        "syslog.syslog",
    }
)


@define
class ConnectionGuard:
    """
    An audit hook that keeps libraries from starting processes and connecting to forbidden
    addresses.
    """

    _allow_nets: Sequence[IPNetwork]
    has_blocked: bool = field(default=False, init=False)

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise PermissionError if *event* starts a process or connects to a forbidden address."""
        is_refused = event in _FORBIDDEN_EVENTS or (
            event in _CONNECT_EVENTS and not self._permits(arguments[1])
        )
        if is_refused:
            self.has_blocked = True
            raise PermissionError(event)

    def _permits(self, socket_address: object) -> bool:
        """Return whether connections to *socket_address* are allowed. Unix sockets never are."""
        if not isinstance(socket_address, tuple):
            return False
        try:
            address = ip_address(socket_address[0])
        except ValueError:
            return False
        return is_allowed_address(address, allowed_networks=self._allow_nets)


def send(request: dict[str, Any]) -> Outcome:
    """Send the message in *request*, or only check the URL if the request contains no message."""
    from apprise import Apprise

    logging.disable()
    guard = ConnectionGuard([ip_network(text) for text in request["allow_nets"]])
    service = Apprise()
    if not service.add(request["url"]):
        return Outcome.UNSUPPORTED
    message = request.get("message")
    if message is None:
        return Outcome.ACCEPTED
    sys.addaudithook(guard.check)
    is_taken = service.notify(title=message["title"], body=message["text"])
    if guard.has_blocked:
        return Outcome.FORBIDDEN
    return Outcome.ACCEPTED if is_taken else Outcome.REJECTED


if __name__ == "__main__":
    sys.exit(send(json.load(sys.stdin)))
