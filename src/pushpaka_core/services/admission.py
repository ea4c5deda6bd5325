"""Nothing is begun while the host has no room for it, or nobody to build and run it."""

from collections.abc import Collection

from attrs import frozen

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogLevel
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.errors import UnavailableError
from pushpaka_core.ports.host import Host, Room
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.health import HealthCheck
from pushpaka_core.services.log_writing import LogWriting

MEBIBYTE = 1024 * 1024


@frozen
class Admission:
    """Knows whether another deployment may begin, and tells those that wait for it."""

    _host: Host
    _storage: Storage
    _logs: LogWriting
    _least: Room
    _engine_check: HealthCheck | None = None

    async def require_disk(self) -> None:
        """Raise UnavailableError, in a sentence, where the disk is too full."""
        _require("disk", (await self._host.room()).disk, self._least.disk)

    async def require_memory(self) -> None:
        """Raise UnavailableError, in a sentence, where memory is too short."""
        _require("memory", (await self._host.room()).memory, self._least.memory)

    async def shortage(self) -> str | None:
        """Return what is missing, in a sentence; None where a deployment may begin."""
        try:
            await self.require_disk()
            await self.require_memory()
            await self._require_engine()
        except UnavailableError as shortage:
            return str(shortage)
        return None

    async def _require_engine(self) -> None:
        try:
            if self._engine_check is not None:
                await self._engine_check()
        except UnavailableError as error:
            raise UnavailableError(
                f"{error} The deployment begins by itself once it does."
            ) from error

    async def waiting(self) -> Collection[DeploymentId]:
        """Return the deployments that wait."""
        async with self._storage.snapshot() as uow:
            queued = await uow.deployments.all({DeploymentStatus.QUEUED})
        return [deployment.id for deployment in queued]

    async def tell(self, id: DeploymentId, sentence: str) -> None:
        """Say in the log of one that waits why it does."""
        async with self._logs.open(id, Redactor()) as log:
            await log.say(sentence, Phase.SOURCE, LogLevel.WARN)


def _require(what: str, free: int, least: int) -> None:
    if free < least:
        raise UnavailableError(
            f"There is too little {what} to begin a deployment: {free // MEBIBYTE} MiB are free, "
            f"and PUSHPAKA_MIN_FREE_{what.upper()} wants {least // MEBIBYTE} MiB. "
            "It begins by itself once there is room."
        )
