"""Keeps a worker from claiming while something is missing that deployments need."""

import logging

from attrs import define, field

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.services.admission import Admission

logger = logging.getLogger(__name__)


@define
class Gate:
    """Says once what is missing, in the server's log and in that of each deployment that waits."""

    _admission: Admission
    _is_shut: bool = field(default=False, init=False)
    _told: set[DeploymentId] = field(factory=set, init=False)

    async def is_open(self) -> bool:
        """Tell whether another deployment may begin."""
        shortage = await self._admission.shortage()
        if shortage is None:
            self._open()
            return True
        await self._shut(shortage)
        return False

    def _open(self) -> None:
        if self._is_shut:
            logger.warning("nothing is missing any more: deployments begin")
        self._is_shut = False
        self._told.clear()

    async def _shut(self, shortage: str) -> None:
        if not self._is_shut:
            logger.warning("no deployment begins: %s", shortage)
        self._is_shut = True
        for untold in set(await self._admission.waiting()) - self._told:
            self._told.add(untold)
            await self._admission.tell(untold, shortage)
