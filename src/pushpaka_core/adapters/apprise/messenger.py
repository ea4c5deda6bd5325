"""Tells people by Apprise, in a process of its own that may connect to nobody else."""

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from anyio import CapacityLimiter, fail_after
from attrs import field, frozen

from pushpaka_core.adapters.apprise.outcomes import Outcome
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.errors import DeliveryRefusedError, ReceiverUnavailableError
from pushpaka_core.ports.processes import Command, Limits, OutputChunk, Processes

_PROGRAM = "pushpaka_core.adapters.apprise.program"
_SECONDS = 60
_MOST_AT_ONCE = 16
_MOST_ASKED_AT_ONCE = 2
_LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=30, open_files=128)


@frozen(kw_only=True)
class AppriseMessenger:
    """
    Starts a program for each message, which ends with it.

    Apprise speaks to whatever an address names, by many libraries: only a process can be
    kept from all connections but those to public addresses, or to *allow_nets*.
    """

    _processes: Processes
    _directory: Path
    _allow_nets: Sequence[IPNetwork] = ()
    _places: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MOST_AT_ONCE))
    _places_to_ask: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MOST_ASKED_AT_ONCE))

    @property
    def is_installed(self) -> bool:
        """Tell whether Apprise is."""
        return find_spec("apprise") is not None

    async def understands(self, url: str, /) -> bool:
        """Tell whether Apprise makes a service of such an address."""
        async with self._places_to_ask:
            return await self._outcome({"url": url}) == Outcome.TAKEN

    async def tell(self, url: str, /, *, title: str, text: str) -> None:
        """Send a message."""
        message = {"title": title, "text": text}
        async with self._places:
            _require_taken(await self._outcome({"url": url, "message": message}))

    async def _outcome(self, order: Mapping[str, object]) -> int | None:
        """Return the exit code of a program that does what *order* says."""
        allow_nets = [str(net) for net in self._allow_nets]
        command = Command(
            argv=[sys.executable, "-I", "-m", _PROGRAM],
            directory=self._directory,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            limits=_LIMITS,
            stdin=json.dumps({**order, "allow_nets": allow_nets}).encode(),
        )
        try:
            with fail_after(_SECONDS):
                ended = await self._processes.run(command, on_output=_pass_over)
        except TimeoutError:
            raise ReceiverUnavailableError("The service of a channel does not answer.") from None
        return ended.code


def _require_taken(code: int | None) -> None:
    match code:
        case Outcome.TAKEN:
            return
        case Outcome.UNKNOWN:
            raise DeliveryRefusedError("No service is known that has such an address.")
        case Outcome.FORBIDDEN:
            raise DeliveryRefusedError(
                "The address of a channel leads to this machine or a private network. The "
                "operator can allow that by PUSHPAKA_NOTIFY_ALLOW_NETS."
            )
        case _:
            raise ReceiverUnavailableError("The service of a channel did not take a message.")


async def _pass_over(_: OutputChunk) -> None:
    """Libraries print addresses, and so secrets."""
