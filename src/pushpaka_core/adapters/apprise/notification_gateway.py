"""Sends notifications with Apprise, in a restricted process."""

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from anyio import CapacityLimiter, fail_after
from attrs import field, frozen

from pushpaka_core.adapters.apprise.outcomes import Outcome
from pushpaka_core.domain.networks import IPNetwork
from pushpaka_core.errors import DeliveryRejectedError, ReceiverUnavailableError
from pushpaka_core.host.process_output import discard_output
from pushpaka_core.ports.processes import Command, ProcessManager, ResourceLimits

_PROGRAM = "pushpaka_core.adapters.apprise.program"
_TIMEOUT_SECONDS = 60
_MAX_CONCURRENT = 16
_MAX_CONCURRENT_CHECKS = 2
_LIMITS = ResourceLimits(memory_bytes=1 << 30, cpu_seconds=30, open_files=128)


@frozen(kw_only=True)
class AppriseNotificationGateway:
    """
    Sends each notification from a separate process.

    Apprise uses many libraries to connect to any server that a URL names. A separate process can be
    restricted to public addresses and those in *allow_nets*.
    """

    _process_manager: ProcessManager
    _directory: Path
    _allow_nets: Sequence[IPNetwork] = ()
    _slots: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MAX_CONCURRENT))
    _check_slots: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MAX_CONCURRENT_CHECKS))

    @property
    def is_installed(self) -> bool:
        """Return True if Apprise is installed."""
        return find_spec("apprise") is not None

    async def supports(self, url: str, /) -> bool:
        """Return True if Apprise supports *url*."""
        async with self._check_slots:
            return await self._exit_code_of({"url": url}) == Outcome.ACCEPTED

    async def send(self, url: str, /, *, title: str, body: str) -> None:
        """
        Send a notification.

        Raises:
            DeliveryRejectedError: If Apprise does not support *url*, or its server is not allowed.
            ReceiverUnavailableError: If the service does not accept it within 60 s.
        """
        message = {"title": title, "text": body}
        async with self._slots:
            _require_accepted(await self._exit_code_of({"url": url, "message": message}))

    async def _exit_code_of(self, request: Mapping[str, object]) -> int | None:
        """Return the exit code of a process that handles *request*."""
        allow_nets = [str(net) for net in self._allow_nets]
        command = Command(
            argv=[sys.executable, "-I", "-m", _PROGRAM],
            directory=self._directory,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            limits=_LIMITS,
            stdin=json.dumps({**request, "allow_nets": allow_nets}).encode(),
        )
        try:
            with fail_after(_TIMEOUT_SECONDS):
                # Libraries print URLs, which contain secrets.
                ended = await self._process_manager.run(command, on_output=discard_output)
        except TimeoutError:
            raise ReceiverUnavailableError(
                "The notification service did not respond in time. Check the channel's URL and the "
                "status of the service."
            ) from None
        return ended.code


def _require_accepted(exit_code: int | None) -> None:
    match exit_code:
        case Outcome.ACCEPTED:
            return
        case Outcome.UNSUPPORTED:
            raise DeliveryRejectedError(
                "No notification service supports the channel's URL. Check the URL's scheme."
            )
        case Outcome.FORBIDDEN:
            raise DeliveryRejectedError(
                "The channel's URL points to this machine or a private network. The operator can "
                "allow this with PUSHPAKA_NOTIFY_ALLOW_NETS."
            )
        case _:
            raise ReceiverUnavailableError(
                "The notification service did not accept the message. Check the channel's URL and "
                "the status of the service."
            )
