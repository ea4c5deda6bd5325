"""Random operations of users, of the platform and of applications with volumes, and faults."""

from collections.abc import Awaitable, Callable

from attrs import define, field
from tests.faults.volumes.deployments import KilledError
from tests.faults.volumes.volume_operations import NAMES, VolumeOperations, is_accepted

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.platform.failpoints import (
    DEPLOYMENT_FAILPOINTS,
    TAKEOVER_FAILPOINTS,
)
from pushpaka_core.domain.projects.target_names import PRODUCTION

PREVIEWS = ("preview:a", "preview:b")
_FAILPOINTS = [
    one for one in (*DEPLOYMENT_FAILPOINTS, *TAKEOVER_FAILPOINTS) if one != Phase.RELEASE
]
_DAY = 24 * 3600


@define(kw_only=True)
class RandomOperations(VolumeOperations):
    """Applies random operations to a platform and to the model."""

    history: list[str] = field(factory=list)
    """The operations so far, oldest first."""

    async def open(self) -> None:
        """Create all projects, and deploy them."""
        for name in NAMES:
            await self.create_project(name)
            assert await self.deploy_commit(name, PRODUCTION)

    async def step(self) -> None:
        """Apply one random operation."""
        (name,) = self.random.choices([*WEIGHTS], [*WEIGHTS.values()])
        self.history.append(name)
        operation: Callable[[], Awaitable[bool]] = getattr(self, name)
        is_done = await operation()
        await self._recover()
        self.outcomes[name] += is_done
        self.history[-1] += ": done" if is_done else ": refused"

    async def deploy(self) -> bool:
        return await self.deploy_commit(self.random_name(), PRODUCTION)

    async def deploy_preview(self) -> bool:
        return await self.deploy_commit(self.random_name(), self.random.choice(PREVIEWS))

    async def deploy_broken(self) -> bool:
        """Deploy a version that exits at once. Afterwards, the previous version is active."""
        return not await self.deploy_commit(self.random_name(), PRODUCTION, is_broken=True)

    async def roll_back(self) -> bool:
        deployment_id = self.random.choice([*self.model.mounts])
        return await self.deploy_again(
            deployment_id, self.services.deployments.rollback, is_rollback=True
        )

    async def redeploy(self) -> bool:
        deployment_id = await self._active()
        return deployment_id is not None and await self.deploy_again(
            deployment_id, self.services.deployments.redeploy
        )

    async def promote(self) -> bool:
        """Promote a preview. The deployment fails while its release runs with other volumes."""
        previews = await self.active_previews()
        if not previews:
            return False
        request = self.services.deployments.promote
        await self.deploy_again(self.random.choice(previews), request)
        return True

    async def restart_app(self) -> bool:
        deployment_id = await self._active()
        request = self.services.active_deployments.restart
        return deployment_id is not None and await is_accepted(request(self.owner, deployment_id))

    async def stop_app(self) -> bool:
        deployment_id = await self._active()
        request = self.services.active_deployments.stop
        return deployment_id is not None and await is_accepted(request(self.owner, deployment_id))

    async def delete_project(self) -> bool:
        """Delete a project, whose volumes are kept, and create a new one."""
        name = self.random_name()
        old = self.projects[name]
        await self.services.projects.delete(self.owner, old)
        for volume_id, volume in self.model.volumes.items():
            if volume.place[0] == old:
                self.model.detach([volume_id], at=self.kept.clock.now)
                volume.place = None, volume.place[1]
        if self.random.random() < 0.5:
            await self._recover()
        await self.create_project(name)
        return True

    async def crash_program(self) -> bool:
        """End a program with an exit status, or without one, as a reboot does."""
        running = [*self.kept.runtime.running]
        if running:
            end = self.random.choice((self.kept.runtime.crash, self.kept.runtime.vanish))
            end(self.random.choice(running))
        return bool(running)

    async def sweep(self) -> bool:
        """Let time pass, and clean up. Only expired volumes may be deleted."""
        self.kept.clock.advance(self.random.choice((60, 60, _DAY, 8 * _DAY)))
        await self._recover()
        for _ in range(2):
            await self.kept.platform.worker_services.garbage_collector.collect()
        rows = {row.id: row for row in await self.kept.volumes()}
        now = self.kept.clock.now
        for volume_id, volume in [*self.model.volumes.items()]:
            if volume_id not in rows and self.model.is_expired(volume_id, at=now):
                self.model.remove(volume_id)
                self.outcomes["expired"] += 1
            elif (
                volume.place[1] != PRODUCTION
                and volume_id in rows
                and not rows[volume_id].is_attached
            ):
                self.model.detach([volume_id], at=now)  # An idle preview has ended.
        await self.copy()
        return True

    async def upgrade(self) -> bool:
        """Stop the platform, and start it again with the same data directory."""
        await self.kept.restart()
        return True

    async def kill_during_deployment(self) -> bool:
        """Kill the worker at a step of a deployment, and start it again."""
        step = self.random.choice(_FAILPOINTS)
        self.kept.platform.failpoints.errors[step] = KilledError()
        return await self.deploy_commit(self.random_name(), PRODUCTION)

    async def _recover(self) -> None:
        await self.kept.supervise()
        self.note_starts()

    async def _active(self) -> DeploymentId | None:
        return await self.active((self.projects[self.random_name()], PRODUCTION))


WEIGHTS = {
    "deploy": 6,
    "deploy_preview": 4,
    "deploy_broken": 2,
    "roll_back": 6,
    "redeploy": 2,
    "promote": 6,
    "restart_app": 4,
    "stop_app": 1,
    "delete_project": 2,
    "detach": 5,
    "attach": 8,
    "purge_with_wrong_name": 3,
    "purge": 2,
    "take_snapshot": 8,
    "restore": 6,
    "delete_snapshot": 2,
    "write_files": 10,
    "crash_program": 3,
    "sweep": 5,
    "upgrade": 4,
    "kill_during_deployment": 4,
    "kill_during_snapshot": 3,
    "kill_during_restore": 3,
}
"""The operations and their relative frequency."""
