"""Lets this very process go wrong, for tests from outside."""

import os
from signal import SIGKILL

from anyio import sleep_forever
from attrs import frozen

from pushpaka_core.domain.failpoints import Effect, Failpoint


@frozen
class ProcessFailpoints:
    """Ends, disturbs or holds up this process at one step, or never."""

    _point: Failpoint | None = None

    async def reach(self, step: str, /) -> None:
        """Do what is set for *step*."""
        if self._point is None or self._point.step != step:
            return
        match self._point.effect:
            case Effect.KILL:
                os.kill(os.getpid(), SIGKILL)
            case Effect.RAISE:
                raise RuntimeError(f"A test has set the failpoint {step}.")
            case Effect.HANG:
                await sleep_forever()
