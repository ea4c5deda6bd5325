"""Server-Sent Events, from bytes."""

from collections.abc import Iterator

from attrs import define, field, frozen

LONGEST_SILENCE = 15
"""Seconds after which an instance that has nothing to tell says so."""


@frozen
class Ready:
    """From here on all moves are told; what is shown of before is to be read anew."""


@frozen(kw_only=True)
class ServerEvent:
    """Something that a server tells."""

    name: str
    data: str
    id: str | None


@define
class EventReader:
    """
    Puts events together, however the bytes come.

    Lines end where the standard says, and nowhere else: what a log says may hold other
    characters at which Python would split a text.
    """

    _rest: bytes = b""
    _fields: dict[str, str] = field(factory=dict)

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield the events that *chunk* completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if text := line.rstrip(b"\r").decode(errors="replace"):
                self._take(text)
            elif event := self._event():
                yield event

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data" and "data" in self._fields:
            value = f"{self._fields['data']}\n{value}"
        self._fields[name] = value

    def _event(self) -> ServerEvent | None:
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        name = fields.get("event", "message")
        return ServerEvent(name=name, data=fields["data"], id=fields.get("id"))
