"""
Admission control: blocks deployments while disk space or memory is low, or the engine is
unavailable.
"""

from collections.abc import Collection

from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.errors import UnavailableError
from pushpaka_core.ports.runtime import Host, HostCapacity
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.disk_reserve import MEBIBYTE
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_core.services.platform.platform_health import HealthCheck

_DISK_SETTING, _MEMORY_SETTING = "PUSHPAKA_MIN_FREE_DISK", "PUSHPAKA_MIN_FREE_MEMORY"


@frozen
class AdmissionControl:
    """Decides whether the worker may start another deployment."""

    _host: Host
    _storage: Storage
    _log_writer: LogWriter
    _min_free: HostCapacity
    _engine_check: HealthCheck | None = None

    async def require_disk(self) -> None:
        """Raise UnavailableError, with a message for users, if too little disk space is free."""
        _require_free(
            "disk space",
            (await self._host.free_capacity()).disk,
            self._min_free.disk,
            _DISK_SETTING,
        )

    async def require_memory(self) -> None:
        """Raise UnavailableError, with a message for users, if too little memory is free."""
        _require_free(
            "memory",
            (await self._host.free_capacity()).memory,
            self._min_free.memory,
            _MEMORY_SETTING,
        )

    async def blocked_reason(self) -> str | None:
        """Return the reason why no deployment may start, as a message for users, or None."""
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
                f"{error} The deployment starts automatically once the engine responds."
            ) from error

    async def queued_ids(self) -> Collection[DeploymentId]:
        """Return the ids of all queued deployments."""
        async with self._storage.snapshot() as uow:
            queued = await uow.deployments.all({DeploymentStatus.QUEUED})
        return [deployment.id for deployment in queued]

    async def explain_wait(self, id: DeploymentId, message: str) -> None:
        """Write to the log of a queued deployment why it is waiting."""
        async with self._log_writer.open(id, Redactor()) as log:
            await log.write(message, Phase.SOURCE, LogLevel.WARN)


def _require_free(resource: str, free_bytes: int, min_bytes: int, setting: str) -> None:
    if free_bytes < min_bytes:
        raise UnavailableError(
            f"There is not enough free {resource} to start a deployment: "
            f"{free_bytes // MEBIBYTE} MiB are "
            f"free, and {min_bytes // MEBIBYTE} MiB are required ({setting}). "
            "The deployment starts automatically once enough is free."
        )
