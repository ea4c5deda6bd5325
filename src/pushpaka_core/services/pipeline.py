"""Takes a claimed deployment through its steps, up to the commit point."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from anyio import CancelScope, fail_after
from attrs import evolve, frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment, Lease, ReleaseId
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.failpoints import CLAIM, COMMIT, SWITCHED
from pushpaka_core.domain.logs import LogLevel
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import (
    DeploymentFailedError,
    NotFoundError,
    PhaseTimeoutError,
    PlatformFaultError,
    RouterUnavailableError,
    RuntimeUnavailableError,
    SupersededError,
)
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.failpoints import Failpoints
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import Pulse, Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.building import Building
from pushpaka_core.services.deadlines import Deadlines
from pushpaka_core.services.deployment_log import DeploymentLog
from pushpaka_core.services.jobs import Job, Jobs
from pushpaka_core.services.log_writing import MOST_BUILD_OUTPUT, LogWriting
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.running import Running
from pushpaka_core.services.switching import Switching


class _Change(Protocol):
    """A way out of a worker's hands, as a method of the deployment."""

    def __call__(self, deployment: Deployment, /, *, at: datetime) -> Deployment: ...


@frozen
class DeploymentPipeline:
    """
    What a worker does: claim a deployment, prepare it, commit it - or let go of it.

    Each step may be done twice: its effects are named by the lease, and a write
    under an old one changes nothing.
    """

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _jobs: Jobs
    _logs: LogWriting
    _workspaces: Workspaces
    _building: Building
    _running: Running
    _switching: Switching
    _moves: Moves
    _deadlines: Deadlines
    _failpoints: Failpoints
    _now: Clock
    _new_id: IdGenerator

    async def claim(self, worker: str) -> Lease | None:
        """
        Take the next deployment into the hands of *worker*, or return None when none waits.

        A cancelled call returns as well, so that no claim is left to nobody.
        """
        with CancelScope(shield=True):
            claimed = await self._claim(worker)
        return None if claimed is None else claimed.lease

    async def beat(self, lease: Lease) -> Pulse:
        """Show that the worker lives, and hear whether it should stop; LeaseLostError."""
        async with self._storage.transaction() as uow:
            return await uow.deployments.beat(lease)

    async def prepare(self, lease: Lease) -> bool:
        """
        Take the deployment to its commit point, or to its end: tell whether it is committed.

        Raises:
            TimeoutError: If it cannot even be begun.
        """
        with fail_after(self._deadlines.spare.total_seconds()):
            await self._failpoints.reach(CLAIM)
            job = await self._jobs.held(lease)
        async with self._logs.open(
            lease.deployment_id,
            job.redactor,
            fence=lease.fence,
            most_output=MOST_BUILD_OUTPUT,
        ) as log:
            try:
                if await self._steps(job, log):
                    return True
                await self.end_cancelled(lease)
            except DeploymentFailedError as error:
                await self._fail(job, error, log)
            except (PlatformFaultError, RuntimeUnavailableError) as fault:
                await self._try_again(job, str(fault), log)
            except SupersededError as newer:
                await self._end_superseded(job, str(newer), log)
        return False

    async def finish(self, lease: Lease) -> None:
        """Route the committed deployment; RouterUnavailableError leaves it to the reconciler."""
        try:
            with self._deadlines.over(Phase.SWITCH):
                await self._switching.finish(lease)
                await self._failpoints.reach(SWITCHED)
        except PhaseTimeoutError as error:
            raise RouterUnavailableError(str(error)) from error

    async def end_cancelled(self, lease: Lease) -> None:
        """End it because somebody asked to, unless it is committed."""
        if await self.abandon(lease):
            await self._end(lease, "It was cancelled", Deployment.end_cancelled)

    async def hand_back(self, lease: Lease) -> None:
        """Put it back into the queue because this worker ends."""
        if await self.abandon(lease):
            await self._end(lease, "Its worker was shut down", Deployment.hand_back)

    async def take_back(self, lease: Lease, reason: str) -> None:
        """Put it back into the queue because the work broke off; that counts as an attempt."""
        if await self.abandon(lease):
            await self._end(lease, reason, lambda d, *, at: d.requeue(reason, at=at))

    async def abandon(self, lease: Lease) -> bool:
        """
        Take away all that was made under *lease*, unless it is committed.

        Tell whether it is gone; what is committed belongs to the reconciler.
        """
        if await self._is_committed(lease):
            return False
        await self._running.let_go(lease)
        await self._workspaces.remove(lease)
        return True

    async def _is_committed(self, lease: Lease) -> bool:
        async with self._storage.snapshot() as uow:
            try:
                present = await uow.deployments.visible_to(PLATFORM).get(lease.deployment_id)
            except NotFoundError:
                return False
        return present.fence == lease.fence and present.is_committed

    async def _claim(self, worker: str) -> Deployment | None:
        async with self._storage.transaction() as uow:
            claimed = await uow.deployments.claim(worker, at=self._now())
            if claimed is None:
                return None
            await self._moves.tell(uow, claimed, "A worker begins with it")
        await self._events.publish(DeploymentMoved(deployment=claimed))
        return claimed

    async def _steps(self, job: Job, log: DeploymentLog) -> bool:
        """Do what there is to do, and tell whether it is committed rather than cancelled."""
        if job.release is None:
            job = await self._build(job, log)
        else:
            job.require_env(job.release.plan)
        if self._running.has_release_command(job):
            with self._deadlines.over(Phase.RELEASE):
                job = await self._enter(job, Phase.RELEASE, "Its release command runs")
                await self._running.run_release_command(job, log)
        patience = timedelta(seconds=job.settings.health_check_timeout)
        with self._deadlines.over(Phase.START, patience=patience):
            job = await self._enter(job, Phase.START, "Its processes are started")
            await self._running.bring_up(job, log)
        with self._deadlines.over(Phase.SWITCH):
            await log.say("It is healthy and takes over.", Phase.SWITCH)
            await log.flush()
            await self._failpoints.reach(Phase.SWITCH)
        is_committed = await self._switching.commit(job.deployment.lease)
        await self._failpoints.reach(COMMIT)
        return is_committed

    async def _build(self, job: Job, log: DeploymentLog) -> Job:
        lease = job.deployment.lease
        try:
            with self._deadlines.over(Phase.SOURCE):
                await self._failpoints.reach(Phase.SOURCE)
                checkout = await self._building.fetch(job, log)
            with self._deadlines.over(Phase.BUILD):
                job = await self._enter(
                    job,
                    Phase.BUILD,
                    "Its files are fetched",
                    commit_sha=checkout.commit_sha if job.deployment.archive is None else None,
                    commit_message=checkout.commit_message,
                    commit_author=checkout.commit_author,
                )
                plan = await self._building.plan(job, checkout, log)
                artifact = await self._building.build(job, checkout, plan, log)
        finally:
            with CancelScope(shield=True):
                await self._workspaces.remove(lease)
        release = Release(
            id=ReleaseId(self._new_id()),
            project_id=job.project.id,
            deployment_id=lease.deployment_id,
            plan=plan,
            artifact=artifact.name,
            digest=artifact.digest,
            commit_sha=checkout.commit_sha,
            created_at=self._now(),
        )
        return await self._note_release(job, release, artifact)

    async def _note_release(self, job: Job, release: Release, artifact: Artifact) -> Job:
        async with self._storage.transaction() as uow:
            held = await uow.deployments.held(job.deployment.lease)
            await uow.releases.add(release)
            kept = await uow.deployments.update(
                evolve(
                    held,
                    release_id=release.id,
                    framework=release.plan.framework,
                    image=artifact.image,
                )
            )
        return evolve(job, deployment=kept, release=release)

    async def _enter(self, job: Job, phase: Phase, cause: str, **known: Any) -> Job:
        """Keep that a phase begins, what is *known* by now, and how it is run once it is built."""
        async with self._storage.transaction() as uow:
            held = evolve(await uow.deployments.held(job.deployment.lease), **known)
            if job.release is not None and held.run_settings is None:
                held = evolve(held, run_settings=await self._settings(uow, job, job.release))
            kept = await self._moves.keep(uow, held.enter(phase, at=self._now()), cause)
        await self._events.publish(DeploymentMoved(deployment=kept))
        await self._failpoints.reach(phase)
        return evolve(job, deployment=kept)

    async def _settings(self, uow: UnitOfWork, job: Job, release: Release) -> RunSettings:
        """Return what the job began with, but with as many replicas as are wanted by now."""
        project = await uow.projects.visible_to(PLATFORM).get(job.project.id)
        wanted = RunSettings.of(project, release.plan.settings)
        return evolve(job.settings, replicas=wanted.replicas)

    async def _fail(self, job: Job, error: DeploymentFailedError, log: DeploymentLog) -> None:
        kept = log.masked(error.report)
        await self._let_go(job, log.masked(str(error)), log)
        await self._end(job.deployment.lease, "It failed", lambda d, *, at: d.fail(kept, at=at))

    async def _try_again(self, job: Job, fault: str, log: DeploymentLog) -> None:
        kept = log.masked(fault)
        await self._let_go(job, f"The platform is at fault: {kept}", log)
        lease = job.deployment.lease
        await self._end(lease, "The platform was at fault", lambda d, *, at: d.requeue(kept, at=at))

    async def _end_superseded(self, job: Job, reason: str, log: DeploymentLog) -> None:
        await self._let_go(job, reason, log)
        await self._end(job.deployment.lease, reason, Deployment.supersede)

    async def _let_go(self, job: Job, reason: str, log: DeploymentLog) -> None:
        """Say why, and take away what was made."""
        lease = job.deployment.lease
        async with self._storage.transaction() as uow:
            held = await uow.deployments.held(lease)
        await log.say(reason, held.phase or Phase.SOURCE, LogLevel.ERROR)
        await log.flush()
        await self.abandon(lease)

    async def _end(self, lease: Lease, cause: str, change: _Change) -> None:
        """Let *change* end the work on it, but for what somebody asked to cancel meanwhile."""
        async with self._storage.transaction() as uow:
            held = await uow.deployments.held(lease)
            if held.cancel_requested_at is not None:
                kept = await self._moves.keep_cancelled(uow, held)
            else:
                kept = await self._moves.keep(uow, change(held, at=self._now()), cause)
        await self._events.publish(DeploymentMoved(deployment=kept))
        if kept.is_final:
            await self._queue.announce(kept.project_id)
