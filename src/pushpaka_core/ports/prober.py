"""Asks an application from outside whether it is healthy."""

from datetime import timedelta
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Probe:
    """What to ask, and how."""

    host: str
    port: int
    host_header: str
    path: str | None = None
    """None asks for "/" and is content with less; see `Prober`."""
    timeout: timedelta = timedelta(seconds=5)


class Prober(Protocol):
    """
    Judges one answer.

    With a path: a status of 2xx or 3xx is healthy. Without: any HTTP answer below
    500 is, and so is a port that answers in something else than HTTP or closes the
    connection; silence is not.
    """

    async def probe(self, probe: Probe, /) -> str | None:
        """Return None for a healthy answer, else a sentence that says what was seen."""
        ...
