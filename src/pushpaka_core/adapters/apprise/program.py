"""Sends one message that it reads from its input: a program, started by the messenger."""

import json
import logging
import sys
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from attrs import define, field

from pushpaka_core.adapters.apprise.outcomes import Outcome
from pushpaka_core.domain.networks import IPNetwork, may_be_contacted

_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_FORBIDDEN = frozenset(
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
class Guard:
    """Judges what the interpreter is about to do, whichever library asks for it."""

    _allow_nets: Sequence[IPNetwork]
    has_refused: bool = field(default=False, init=False)

    def judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse all but connections to allowed addresses; this is an audit hook."""
        is_refused = event in _FORBIDDEN or (
            event in _CONNECTING and not self._permits(arguments[1])
        )
        if is_refused:
            self.has_refused = True
            raise PermissionError(event)

    def _permits(self, place: object) -> bool:
        """Tell whether a socket's address may be contacted; one of a file may not."""
        if not isinstance(place, tuple):
            return False
        try:
            address = ip_address(place[0])
        except ValueError:
            return False
        return may_be_contacted(address, allow_nets=self._allow_nets)


def send(order: dict[str, Any]) -> Outcome:
    """Send the message that *order* holds; without one see whether there is such a service."""
    from apprise import Apprise

    logging.disable()
    guard = Guard([ip_network(text) for text in order["allow_nets"]])
    service = Apprise()
    if not service.add(order["url"]):
        return Outcome.UNKNOWN
    message = order.get("message")
    if message is None:
        return Outcome.TAKEN
    sys.addaudithook(guard.judge)
    is_taken = service.notify(title=message["title"], body=message["text"])
    if guard.has_refused:
        return Outcome.FORBIDDEN
    return Outcome.TAKEN if is_taken else Outcome.NOT_TAKEN


if __name__ == "__main__":
    sys.exit(send(json.load(sys.stdin)))
