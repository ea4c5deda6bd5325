"""Takes a claimed deployment through its phases, up to the cutover."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from anyio import CancelScope, fail_after
from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.databases.databases import server_project
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import ReleaseId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.domain.platform.failpoints import CLAIM, COMMIT, SWITCHED
from pushpaka_core.domain.projects.target_names import is_database
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
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import HeartbeatResult, Storage
from pushpaka_core.ports.system import Clock, Failpoints, IdGenerator
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.deployments.jobs import Job, JobLoader
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.instances.lifecycle import InstanceLifecycle
from pushpaka_core.services.instances.removal import LeaseCleanup
from pushpaka_core.services.instances.takeover import WriterTakeover
from pushpaka_core.services.logs.deployment_log import DeploymentLog
from pushpaka_core.services.logs.log_writer import MAX_BUILD_OUTPUT, LogWriter
from pushpaka_core.services.pipeline.build import ReleaseBuild
from pushpaka_core.services.pipeline.cutover import Cutover
from pushpaka_core.services.pipeline.deadlines import Deadlines
from pushpaka_core.services.pipeline.generated_env import EnvVarGenerator
from pushpaka_core.services.pipeline.image_release import ImageRelease
from pushpaka_core.services.pipeline.volume_mounting import VolumeMounting


class _EndTransition(Protocol):
    """A function that ends or requeues a deployment, for example `Deployment.supersede`."""

    def __call__(self, deployment: Deployment, /, *, now: datetime) -> Deployment: ...


@frozen
class DeploymentPipeline:
    """
    Claims deployments and runs them: fetch, build, release command, start, cutover.

    Each phase can be repeated: its files and instances are named after the lease, and a write under
    an old lease is rejected.
    """

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _job_loader: JobLoader
    _logs: LogWriter
    _workspaces: Workspaces
    _release_build: ReleaseBuild
    _image_release: ImageRelease
    _generator: EnvVarGenerator
    _volume_mounting: VolumeMounting
    _lifecycle: InstanceLifecycle
    _cleanup: LeaseCleanup
    _writer_takeover: WriterTakeover
    _cutover: Cutover
    _transitions: DeploymentTransitions
    _deadlines: Deadlines
    _failpoints: Failpoints
    _now: Clock
    _new_id: IdGenerator

    async def claim(self, worker: str) -> Lease | None:
        """
        Claim the next queued deployment for *worker*, or return None if there is none.

        The call is never canceled halfway, so that no deployment remains claimed without a worker.
        """
        with CancelScope(shield=True):
            claimed = await self._claim(worker)
        return None if claimed is None else claimed.lease

    async def renew(self, lease: Lease) -> HeartbeatResult:
        """
        Renew the lease, and return whether the deployment should be canceled.

        Raises:
            LeaseLostError: If another worker has the deployment.
        """
        async with self._storage.transaction() as uow:
            return await uow.deployments.renew_lease(lease)

    async def prepare(self, lease: Lease) -> bool:
        """
        Run all phases of the deployment until it is committed, which makes it the active deployment
        of its target. Return True if it is committed.

        If the deployment fails, is canceled or is superseded, it is ended and its files and
        instances are removed. After a platform fault it is queued again.

        Raises:
            LeaseLostError: If another worker has the deployment.
            TimeoutError: If the deployment cannot be loaded in time.
            UnavailableError: If the database does not respond.
        """
        with fail_after(self._deadlines.default_limit.total_seconds()):
            await self._failpoints.hit(CLAIM)
            job = await self._job_loader.load_for_lease(lease)
        async with self._logs.open(
            lease.deployment_id,
            job.redactor,
            fence=lease.fence,
            max_output=MAX_BUILD_OUTPUT,
        ) as log:
            try:
                if await self._run_phases(job, log):
                    return True
                await self.end_canceled(lease)
            except DeploymentFailedError as error:
                await self._fail(job, error, log)
            except (PlatformFaultError, RuntimeUnavailableError) as fault:
                await self._requeue_after_fault(job, str(fault), log)
            except SupersededError as newer:
                await self._end_superseded(job, str(newer), log)
        return False

    async def finish(self, lease: Lease) -> None:
        """
        Route traffic to the committed deployment.

        Raises:
            RouterUnavailableError: If the router does not respond. The reconciler tries again.
        """
        try:
            with self._deadlines.enforce(Phase.SWITCH):
                await self._cutover.finish(lease)
                await self._failpoints.hit(SWITCHED)
        except PhaseTimeoutError as error:
            raise RouterUnavailableError(str(error)) from error

    async def end_canceled(self, lease: Lease) -> None:
        """End the deployment as canceled, unless it is committed."""
        if await self.abandon(lease):
            await self._end_deployment(
                lease, "The deployment was canceled", Deployment.finish_cancellation
            )

    async def requeue_on_shutdown(self, lease: Lease) -> None:
        """
        Queue the deployment again because this worker is shutting down.

        This does not count as a failed attempt.
        """
        if await self.abandon(lease):
            await self._end_deployment(
                lease, "The worker was shut down", Deployment.return_to_queue
            )

    async def requeue_after_failure(self, lease: Lease, reason: str) -> None:
        """
        Queue the deployment again because of *reason*, which counts as a failed attempt.

        After three failed attempts, the deployment fails.
        """
        if await self.abandon(lease):
            await self._end_deployment(lease, reason, lambda d, *, now: d.requeue(reason, now=now))

    async def abandon(self, lease: Lease) -> bool:
        """
        Remove the files and instances of *lease*, unless the deployment is committed.

        Return False if it is committed. In that case, the reconciler finishes it.
        """
        if await self._is_committed(lease):
            return False
        await self._cleanup.clean_up(lease)
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
            claimed = await uow.deployments.claim(worker, now=self._now())
            if claimed is None:
                return None
            await self._transitions.add_event(uow, claimed, "Claimed by a worker")
        await self._events.publish(DeploymentChanged(deployment=claimed))
        return claimed

    async def _run_phases(self, job: Job, log: DeploymentLog) -> bool:
        """Run all phases. Return True if the deployment is committed, False if it was canceled."""
        if job.release is None:
            job = await (self._pull(job, log) if job.deployment.image else self._build(job, log))
        else:
            job.require_env(job.release.plan)
            job = await self._with_generated_env(job, job.release.plan, log)
        job = await self._fix_run_settings(job)
        if job.deployment.cancel_requested_at is not None:
            return False
        await self._volume_mounting.prepare(job, log)
        if self._lifecycle.has_release_command(job):
            with self._deadlines.enforce(Phase.RELEASE):
                job = await self._enter_phase(job, Phase.RELEASE, "The release command is running")
                await self._stop_other_writers(job, log)
                await self._lifecycle.run_release_command(job, log)
        patience = timedelta(seconds=job.settings.health_check_timeout)
        with self._deadlines.enforce(Phase.START, default_timeout=patience):
            job = await self._enter_phase(job, Phase.START, "The processes are starting")
            await self._stop_other_writers(job, log)
            await self._lifecycle.start_all(job, log)
        with self._deadlines.enforce(Phase.SWITCH):
            await log.write(_switch_message(job), Phase.SWITCH)
            await log.flush()
            await self._failpoints.hit(Phase.SWITCH)
        is_committed = await self._cutover.commit(job.deployment.lease)
        await self._failpoints.hit(COMMIT)
        return is_committed

    async def _stop_other_writers(self, job: Job, log: DeploymentLog) -> None:
        """
        Hold requests and stop the running release, if this or the running release must be the only
        writer of a volume.

        The release command of *job* counts as a writer, too.
        """
        phase = job.deployment.phase
        if phase is not None and await self._writer_takeover.is_needed(job.deployment):
            await log.write("Holding requests until the only instance is replaced.", phase)
            await self._writer_takeover.run(job.deployment)

    async def _build(self, job: Job, log: DeploymentLog) -> Job:
        lease = job.deployment.lease
        try:
            with self._deadlines.enforce(Phase.SOURCE):
                await self._failpoints.hit(Phase.SOURCE)
                checkout = await self._release_build.fetch(job, log)
            with self._deadlines.enforce(Phase.BUILD):
                job = await self._enter_phase(
                    job,
                    Phase.BUILD,
                    "The source was fetched",
                    commit_sha=checkout.commit_sha if job.has_commit else None,
                    commit_message=checkout.commit_message,
                    commit_author=checkout.commit_author,
                )
                plan = await self._release_build.plan(job, checkout, log)
                volumes = await self._volume_mounting.plan(job, plan, log)
                await self._release_build.warn_of_hidden_files(checkout, plan, volumes, log)
                job = await self._with_generated_env(job, plan, log)
                artifact = await self._release_build.build(job, checkout, plan, log)
        finally:
            with CancelScope(shield=True):
                await self._workspaces.remove(lease)
        return await self._store_release(job, plan, artifact, commit_sha=checkout.commit_sha)

    async def _pull(self, job: Job, log: DeploymentLog) -> Job:
        """Pull the image of the job. A later attempt pulls the same digest again."""
        with self._deadlines.enforce(Phase.SOURCE):
            await self._failpoints.hit(Phase.SOURCE)
            image = await self._image_release.resolve(job, log)
        with self._deadlines.enforce(Phase.BUILD):
            job = await self._enter_phase(job, Phase.BUILD, "The image was found", image=str(image))
            plan, artifact = await self._image_release.pull(job, image, log)
        return await self._store_release(job, plan, artifact, commit_sha=artifact.digest)

    async def _with_generated_env(self, job: Job, plan: BuildPlan, log: DeploymentLog) -> Job:
        """Return *job* with the secrets that *plan* asks to generate, and mask them in the log."""
        provided = await self._generator.generate_missing(job, plan)
        log.set_redactor(provided.redactor)
        return provided

    async def _store_release(
        self, job: Job, plan: BuildPlan, artifact: Artifact, *, commit_sha: str
    ) -> Job:
        release = Release(
            id=ReleaseId(self._new_id()),
            project_id=job.project.id,
            deployment_id=job.deployment.id,
            plan=plan,
            artifact=artifact.name,
            digest=artifact.digest,
            commit_sha=commit_sha,
            created_at=self._now(),
        )
        async with self._storage.transaction() as uow:
            held = await uow.deployments.get_held(job.deployment.lease)
            await uow.releases.add(release)
            kept = await uow.deployments.update(
                evolve(
                    held,
                    release_id=release.id,
                    framework=release.plan.framework,
                    has_web=release.plan.has_web and not is_database(held.target),
                    image=artifact.image,
                )
            )
        return evolve(job, deployment=kept, release=release)

    async def _enter_phase(self, job: Job, phase: Phase, cause: str, **fields: Any) -> Job:
        """Store the start of *phase* together with the given *fields*, and publish it."""
        async with self._storage.transaction() as uow:
            held = evolve(await uow.deployments.get_held(job.deployment.lease), **fields)
            kept = await self._transitions.store(uow, held.enter(phase, now=self._now()), cause)
        await self._events.publish(DeploymentChanged(deployment=kept))
        await self._failpoints.hit(phase)
        return evolve(job, deployment=kept)

    async def _fix_run_settings(self, job: Job) -> Job:
        """
        Store the run settings with the deployment, unless it has some from an earlier attempt or,
        for a rollback, from the earlier deployment.

        The number of replicas and the volumes are read from the project again, because they may
        have changed since the job was loaded. A deployment that is being canceled creates no
        volumes, because those of its project or preview have just been detached.
        """
        async with self._storage.transaction() as uow:
            held = await uow.deployments.get_held(job.deployment.lease)
            if held.run_settings is None and held.cancel_requested_at is None:
                project = await uow.projects.visible_to(PLATFORM).get(job.project.id)
                if is_database(held.target):
                    project = server_project(project)
                plan = job.required_release.plan
                replicas = RunSettings.of(project, plan.settings).replicas
                mounts = await self._volume_mounting.mounts(uow, project, held.target, plan)
                run_settings = evolve(job.settings, replicas=replicas, volumes=mounts)
                held = await uow.deployments.update(evolve(held, run_settings=run_settings))
        return evolve(job, deployment=held)

    async def _fail(self, job: Job, error: DeploymentFailedError, log: DeploymentLog) -> None:
        kept = log.redact(error.message_with_output)
        await self._clean_up(job, log.redact(str(error)), log)
        await self._end_deployment(
            job.deployment.lease, "The deployment failed", lambda d, *, now: d.fail(kept, now=now)
        )

    async def _requeue_after_fault(self, job: Job, fault: str, log: DeploymentLog) -> None:
        kept = log.redact(fault)
        await self._clean_up(job, f"Internal error: {kept}", log)
        lease = job.deployment.lease
        await self._end_deployment(
            lease, "An internal error occurred", lambda d, *, now: d.requeue(kept, now=now)
        )

    async def _end_superseded(self, job: Job, reason: str, log: DeploymentLog) -> None:
        await self._clean_up(job, reason, log)
        await self._end_deployment(job.deployment.lease, reason, Deployment.supersede)

    async def _clean_up(self, job: Job, reason: str, log: DeploymentLog) -> None:
        """Log *reason* and remove the files and instances of the job."""
        lease = job.deployment.lease
        async with self._storage.transaction() as uow:
            held = await uow.deployments.get_held(lease)
        await log.write(reason, held.phase or Phase.SOURCE, LogLevel.ERROR)
        await log.flush()
        await self.abandon(lease)

    async def _end_deployment(
        self, lease: Lease, cause: str, end_transition: _EndTransition
    ) -> None:
        """
        End the deployment with *end_transition*, or as canceled if that was requested, and store
        it.
        """
        async with self._storage.transaction() as uow:
            held = await uow.deployments.get_held(lease)
            if held.cancel_requested_at is not None:
                kept = await self._transitions.store_canceled(uow, held)
            else:
                kept = await self._transitions.store(
                    uow, end_transition(held, now=self._now()), cause
                )
        await self._events.publish(DeploymentChanged(deployment=kept))
        if kept.is_final:
            await self._queue.notify(kept.project_id)


def _switch_message(job: Job) -> str:
    if job.deployment.has_web:
        return "The health check passed. Switching traffic."
    if is_database(job.deployment.target):
        return "The health check passed. The database accepts connections."
    return "The processes keep running. The deployment has no web process, so it has no address."
