"""Pauses a worker while disk space, memory or the container engine is unavailable."""

import logging

from attrs import define, field

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.services.platform.admission import AdmissionControl

logger = logging.getLogger(__name__)


@define
class AdmissionGate:
    """
    Decides whether a worker may claim deployments. Logs each shortage once, in the server log and
    in the log of each queued deployment.
    """

    _admission_control: AdmissionControl
    _is_closed: bool = field(default=False, init=False)
    _notified_deployments: set[DeploymentId] = field(factory=set, init=False)

    async def is_open(self) -> bool:
        """Return True if the worker may claim another deployment."""
        shortage = await self._admission_control.blocked_reason()
        if shortage is None:
            self._record_recovery()
            return True
        await self._record_shortage(shortage)
        return False

    def _record_recovery(self) -> None:
        if self._is_closed:
            logger.warning("The shortage is over. Deployments are claimed again.")
        self._is_closed = False
        self._notified_deployments.clear()

    async def _record_shortage(self, shortage: str) -> None:
        if not self._is_closed:
            logger.warning("No deployments are claimed: %s", shortage)
        self._is_closed = True
        for untold in set(await self._admission_control.queued_ids()) - self._notified_deployments:
            self._notified_deployments.add(untold)
            await self._admission_control.explain_wait(untold, shortage)
