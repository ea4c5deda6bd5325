"""Rolls back deployments that break within their rollback window."""

import logging
from collections.abc import Sequence

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import (
    WEB_PROCESS_TYPE,
    Instance,
    InstanceState,
    broken_reason,
    has_failing_instance,
)
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.logs.logs import LogFilter, LogLevel, LogStream
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.domain.platform.failpoints import BROKEN, ROLLED_BACK
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, Failpoints
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.instances.live_health import InstanceHealth
from pushpaka_core.services.instances.removal import InstanceRemoval
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_core.services.routing.routes import RoutePublisher

logger = logging.getLogger(__name__)

_RUN_PHASES = frozenset({Phase.START, Phase.RUN})
_REMEDY = "The previous deployment is active again. Check the log, fix the app, and deploy again."
_TAIL_LINES = 20
_RECENT_LINES = 100
"""How many log lines are searched for the last output of the program."""


@frozen(kw_only=True)
class _RollbackPair:
    """A deployment in its rollback window, and the previous one that would become active again."""

    broken: Deployment
    previous: Deployment
    project: Project
    target: Target
    is_previous_stopped: bool
    """
    Whether the previous deployment has no instances because it must not run next to the new one.
    """

    @property
    def settings(self) -> RunSettings:
        """The run settings of the previous deployment."""
        return self.previous.run_settings or RunSettings()

    @property
    def deployment(self) -> Deployment:
        """The previous deployment, whose instances are probed before the rollback."""
        return self.previous


@frozen
class AutomaticRollback:
    """
    Rolls a broken deployment back to the previous one, which is still running without traffic.

    If one of the two must be the only writer of a volume, the previous deployment was stopped
    instead. In that case, requests are held until the supervisor has started it again.

    The rollback is committed in one transaction. If the process is killed after the commit, the
    reconciler does the rest: it publishes the routes of the new state and removes the instances of
    the failed deployment.
    """

    _storage: Storage
    _events: EventBus
    _log_writer: LogWriter
    _health: InstanceHealth
    _removal: InstanceRemoval
    _route_publisher: RoutePublisher
    _transitions: DeploymentTransitions
    _audit_log: AuditLog
    _failpoints: Failpoints
    _timeouts: Timeouts
    _now: Clock

    async def check(self, deployment: Deployment, instances: Sequence[Instance]) -> bool:
        """
        Roll *deployment* back if its *instances* show that it is broken. Return True if it was
        rolled back.

        The first crash or missed probe restarts the rollback window, and the window does not end
        before a crashed instance is live again. Does nothing after the window has ended.
        """
        if not deployment.is_in_rollback_window(now=self._now()):
            return False
        reason = broken_reason(instances)
        if reason is not None:
            return await self._roll_back(deployment, reason)
        if has_failing_instance(instances):
            is_down = any(instance.state is not InstanceState.LIVE for instance in instances)
            await self._extend_window(deployment, is_down=is_down)
        return False

    async def _extend_window(self, deployment: Deployment, *, is_down: bool) -> None:
        now = self._now()
        if deployment.extend_rollback_window(now=now, is_down=is_down) == deployment:
            return
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
            if present.is_in_rollback_window(now=now):
                await uow.deployments.update(
                    present.extend_rollback_window(now=now, is_down=is_down)
                )

    async def _roll_back(self, deployment: Deployment, reason: str) -> bool:
        async with self._storage.snapshot() as uow:
            pair = await self._load_pair(uow, deployment)
        if pair is None:
            return False
        if not pair.is_previous_stopped and not await self._is_previous_healthy(pair):
            return False
        await self._failpoints.hit(BROKEN)
        # Write the reason first: log streams end when the deployment fails.
        async with self._log_writer.open(deployment.id, Redactor()) as log:
            await log.write(reason, Phase.RUN, LogLevel.ERROR)
        moved = await self._commit_rollback(deployment, reason)
        if not moved:
            return False
        await self._failpoints.hit(ROLLED_BACK)
        logger.warning("Deployment %s was rolled back automatically: %s", deployment.id, reason)
        await self._route_publisher.publish()
        for each in moved:
            await self._events.publish(DeploymentChanged(deployment=each))
        await self._removal.try_remove(deployment.lease)
        return True

    async def _commit_rollback(self, deployment: Deployment, reason: str) -> Sequence[Deployment]:
        """Commit the rollback and return both deployments, or [] if it is no longer possible."""
        async with self._storage.transaction() as uow:
            pair = await self._load_pair(uow, deployment)
            if pair is None:
                return []
            cause = f"Rolled back automatically: {reason}"
            lines = [f"{cause} {_REMEDY}", *await _tail(uow, pair.broken)]
            target = pair.target.return_to(pair.previous)
            if pair.is_previous_stopped:
                target = target.hold(deadline=self._now() + self._timeouts.hold_time)
            await uow.targets.put(target)
            failed = pair.broken.roll_back("\n".join(lines), now=self._now())
            kept = await self._transitions.store(uow, failed, cause)
            again = await self._transitions.store(
                uow,
                pair.previous.reactivate(),
                "Active again because its successor was rolled back",
            )
            await self._audit_log.record(
                uow, PLATFORM, "deployment.rolled_back", deployment.id, deployment.slug
            )
        return [kept, again]

    async def _load_pair(self, uow: UnitOfWork, deployment: Deployment) -> _RollbackPair | None:
        """Return *deployment* and the previous one, or None if a rollback is not possible now."""
        deployments = uow.deployments.visible_to(PLATFORM)
        try:
            broken = await deployments.get(deployment.id)
            if broken.replaces is None or not broken.is_in_rollback_window(now=self._now()):
                return None
            previous = await deployments.get(broken.replaces)
            project = await uow.projects.visible_to(PLATFORM).get(broken.project_id)
        except NotFoundError:
            return None
        target = await uow.targets.of_deployment(broken)
        is_served = target is not None and target.deployment_id == broken.id
        is_there = previous.status is DeploymentStatus.RUNNING and project.deleted_at is None
        if target is None or not is_served or target.stopped_at or target.takeover_id:
            return None
        if not is_there:
            return None
        return _RollbackPair(
            broken=broken,
            previous=previous,
            project=project,
            target=target,
            is_previous_stopped=not await uow.instances.of_lease(previous.lease),
        )

    async def _is_previous_healthy(self, pair: _RollbackPair) -> bool:
        """
        Return True if a web process of the previous deployment is healthy, or any process if it
        has no web process.
        """
        async with self._storage.snapshot() as uow:
            instances = await uow.instances.of_lease(pair.previous.lease)
        present = [i for i in instances if i.state is InstanceState.LIVE]
        web = [i for i in present if i.process_type == WEB_PROCESS_TYPE]
        for instance in web or present:
            if (await self._health.check_live_instance(pair, instance)).is_healthy:
                return True
        return False


async def _tail(uow: UnitOfWork, deployment: Deployment) -> Sequence[str]:
    """Return the last lines that the program has printed since its start."""
    recent = LogFilter(after=max(0, deployment.last_seq - _RECENT_LINES))
    lines = await uow.logs.lines(deployment, recent)
    output_lines = (line for line in lines if line.stream is not LogStream.SYSTEM)
    return [line.message for line in output_lines if line.phase in _RUN_PHASES][-_TAIL_LINES:]
