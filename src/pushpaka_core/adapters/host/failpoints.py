"""Failpoints of this process, for fault injection tests."""

import os
from signal import SIGKILL

from anyio import sleep_forever
from attrs import frozen

from pushpaka_core.domain.platform.failpoints import Fault, InjectedFault


@frozen
class ProcessFailpoints:
    """Kills, fails or blocks this process at one configured step."""

    _injected_fault: InjectedFault | None = None

    async def hit(self, step: str, /) -> None:
        """Trigger the configured effect if *step* is the configured step."""
        if self._injected_fault is None or self._injected_fault.step != step:
            return
        match self._injected_fault.fault:
            case Fault.KILL:
                os.kill(os.getpid(), SIGKILL)
            case Fault.RAISE:
                raise RuntimeError(f"A test has set the failpoint {step}.")
            case Fault.HANG:
                await sleep_forever()
