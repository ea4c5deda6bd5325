"""Deployments and their life cycle."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import (
    FINAL,
    IN_PROGRESS,
    PHASES,
    SERVING,
    TRANSITIONS,
    DeploymentStatus,
    Phase,
)
from pushpaka_core.domain.deployments.timeouts import has_passed
from pushpaka_core.domain.ids import DeploymentId, ProjectId, ReleaseId, UserId
from pushpaka_core.domain.projects.archives import check_sha256
from pushpaka_core.domain.projects.images import check_image
from pushpaka_core.domain.projects.repository_urls import check_branch, check_commit_sha
from pushpaka_core.domain.projects.target_names import PRODUCTION, check_target
from pushpaka_core.domain.validation import validated_by
from pushpaka_core.errors import ConflictError, InvalidTransitionError

MAX_ATTEMPTS = 3
"""How many times a deployment is attempted before it fails because its workers keep dying."""


class DeploymentKind(StrEnum):
    """How a deployment was created."""

    DEPLOY = "deploy"
    """Builds a commit or an archive, or pulls an image."""
    ROLLBACK = "rollback"
    """Runs the release of an earlier deployment again, with its environment variables."""
    REDEPLOY = "redeploy"
    """Runs the same release with the current environment variables."""
    PROMOTE = "promote"
    """Runs the release of a preview in production."""


@frozen(kw_only=True)
class Lease:
    """
    The right of one worker to process a deployment. It ends when another worker claims the
    deployment.
    """

    deployment_id: DeploymentId
    fence: int
    """The number of the claim. Writes with a lower fence are rejected."""


@frozen(kw_only=True)
class NewDeployment:
    """The input for deploying a commit, an archive or an image."""

    project_id: ProjectId
    """Id of the project."""
    branch: str | None = field(default=None, validator=validated_by(check_branch))
    """Branch to deploy. Defaults to the project's branch."""
    commit_sha: str | None = field(default=None, validator=validated_by(check_commit_sha))
    """Commit to deploy, as 7 to 64 hex digits. Defaults to the latest commit of the branch."""
    target: str = field(default=PRODUCTION, validator=validated_by(check_target))
    """"production", or "preview:<branch>"."""
    archive: str | None = field(default=None, validator=validated_by(check_sha256))
    """SHA-256 of an uploaded archive to deploy in place of a commit, as 64 hex digits."""
    image: str | None = field(default=None, validator=validated_by(check_image))
    """
    Image to deploy, for example "ghcr.io/acme/shop:1.5", if the project deploys images.

    It must be in the same repository as the image of the project, which is the default.
    """


@frozen(kw_only=True)
class Deployment:
    """
    One attempt to bring a commit, an archive or an image live.

    Methods that change the state return a changed copy.
    """

    id: DeploymentId
    project_id: ProjectId
    user_id: UserId
    """The user who created the deployment."""
    slug: str
    """The slug of the project at creation. It is part of the deployment's own host name."""
    target: str = PRODUCTION
    """"production", "preview:<branch>" or "database:<name>"."""
    kind: DeploymentKind = DeploymentKind.DEPLOY
    source_deployment_id: DeploymentId | None = None
    """The deployment whose release is reused by a rollback, redeploy or promotion."""
    sequence: int
    """The position among the deployments of the project, in the order of their creation."""
    branch: str
    commit_sha: str | None = None
    commit_message: str | None = None
    commit_author: str | None = None
    status: DeploymentStatus = DeploymentStatus.QUEUED
    phase: Phase | None = None
    """
    The current phase.

    For a failed or canceled deployment, the last phase. None while the deployment is queued and
    after it was stopped.
    """
    framework: str | None = None
    has_web: bool = True
    """Whether the release has a web process or static files, and therefore an address."""
    image: str | None = None
    """
    The image to pull, with its digest once it is known, or the image that was built.

    None if nothing was built yet, and on the process runtime.
    """
    release_id: ReleaseId | None = None
    """The release of the deployment. Set at creation if nothing has to be built."""
    run_settings: RunSettings | None = None
    """
    The settings that the deployment's release runs with. Set before the first start, and reused by
    rollbacks.
    """
    error: str | None = None
    """Why the deployment failed or crashed, or None."""
    created_at: datetime
    started_at: datetime | None = None
    """When a worker first claimed the deployment."""
    finished_at: datetime | None = None
    """When the deployment went live, or ended without going live."""
    stopped_at: datetime | None = None
    """When the deployment was stopped after it had been live."""
    cancel_requested_at: datetime | None = None
    """When a cancellation was requested, or None."""
    superseded_because: str | None = None
    """Why the deployment was superseded while in progress, or None if a user canceled it."""
    drain_until: datetime | None = None
    """The time at which the reconciler stops the deployment. Set when another one replaces it."""
    watch_until: datetime | None = None
    """The end of the rollback window, or None if there is no deployment to roll back to."""
    replaces: DeploymentId | None = None
    """The deployment to roll back to if this one breaks within its rollback window."""
    generation: int = 1
    """The number of requested restarts plus one. Instances of an older generation are replaced."""
    worker: str | None = None
    """The worker that claimed the deployment. None if it is queued or ended without going live."""
    fence: int = 0
    """The number of claims. Writes with a lower fence are rejected."""
    heartbeat: int = 0
    """The number of heartbeats that workers have sent for the deployment."""
    attempts: int = 0
    """The number of claims, except for claims that workers released on shutdown."""
    last_seq: int = 0
    """The number of the last log line."""
    archive: str | None = None
    """The SHA-256 of the deployed archive, or None."""
    idempotency_key: str | None = None
    request_digest: str | None = None
    """A hash of the request, to detect a different request with the same idempotency key."""
    version: int = field(default=1, eq=False)
    """The version for optimistic locking."""

    @property
    def lease(self) -> Lease:
        """Return the lease of the last claim."""
        return Lease(deployment_id=self.id, fence=self.fence)

    @property
    def is_final(self) -> bool:
        """Return True if the status never changes again."""
        return self.status in FINAL

    @property
    def is_in_progress(self) -> bool:
        """Return True if a worker is processing the deployment."""
        return self.status in IN_PROGRESS

    @property
    def is_committed(self) -> bool:
        """Return True if the deployment is active on its target and can no longer fail."""
        return self.phase in (Phase.SWITCH, Phase.RUN)

    @property
    def is_rolled_back(self) -> bool:
        """Return True if the deployment went live, broke, and was rolled back automatically."""
        return self.status is DeploymentStatus.FAILED and self.phase is Phase.RUN

    @property
    def rollback_window(self) -> timedelta:
        """Return how long after the cutover a broken deployment is rolled back, or 0 for never."""
        return timedelta(seconds=(self.run_settings or RunSettings()).rollback_window)

    @property
    def probe_interval(self) -> timedelta:
        """
        Return the interval of probes in the rollback window.

        The interval is a tenth of the window, so that three probes can fail before the window ends.
        """
        return max(timedelta(seconds=1), self.rollback_window / 10)

    @property
    def has_been_live(self) -> bool:
        """Return True if the deployment has ever been live and was not rolled back."""
        return self.status in SERVING or self.status is DeploymentStatus.STOPPED

    @property
    def duration(self) -> timedelta | None:
        """Return the time from the first claim until the deployment went live or ended, or None."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at

    def claim(self, worker: str, *, now: datetime) -> Self:
        """
        Return a copy that *worker* has claimed, in the first phase and with a new fence.

        Raises:
            InvalidTransitionError: If the deployment is not queued.
        """
        phase = Phase.SOURCE if self.release_id is None else Phase.RELEASE
        if self.status is not DeploymentStatus.QUEUED:
            raise InvalidTransitionError(self.status, PHASES[phase].status)
        claimed = self.enter(phase, now=now)
        return evolve(
            claimed,
            worker=worker,
            fence=self.fence + 1,
            attempts=self.attempts + 1,
            started_at=self.started_at or now,
        )

    def enter(self, phase: Phase, *, now: datetime) -> Self:
        """
        Return a copy in *phase*, with the status that belongs to this phase.

        Raises:
            InvalidTransitionError: If TRANSITIONS does not allow the new status.
        """
        status = PHASES[phase].status
        moved = self if status is self.status else self._with_status(status, now=now)
        return evolve(moved, phase=phase)

    def fail(self, error: str, *, now: datetime) -> Self:
        """Return a failed copy, with an error message for the owner."""
        return evolve(self._end(DeploymentStatus.FAILED, now=now), error=error)

    def cancel(self, *, now: datetime, reason: str | None = None) -> Self:
        """
        Return a canceled copy if the deployment is queued, or a copy with a cancellation request if
        it is in progress.

        Only the first request has an effect. With a reason, for example a rollback, the deployment
        ends as superseded instead of canceled.

        Raises:
            ConflictError: If the deployment is committed or has ended.
        """
        if self.status is DeploymentStatus.QUEUED:
            return self.finish_cancellation(now=now)
        if not self.is_in_progress or self.is_committed:
            remedy = "" if self.is_final else " Stop it, or roll back to an earlier deployment."
            raise ConflictError(
                f"The deployment is {self.status} and can no longer be canceled.{remedy}"
            )
        if self.cancel_requested_at is not None:
            return self
        return evolve(self, cancel_requested_at=now, superseded_because=reason)

    def finish_cancellation(self, *, now: datetime) -> Self:
        """Return a canceled or superseded copy. Call this method after the worker has stopped."""
        is_superseded = self.superseded_because is not None
        status = DeploymentStatus.SUPERSEDED if is_superseded else DeploymentStatus.CANCELLED
        return self._end(status, now=now)

    def supersede(self, *, now: datetime) -> Self:
        """Return a copy that a newer deployment of the same target has superseded."""
        return self._end(DeploymentStatus.SUPERSEDED, now=now)

    def requeue(self, reason: str, *, now: datetime) -> Self:
        """
        Return a queued copy, or a copy that has failed because of *reason* after MAX_ATTEMPTS
        attempts.

        Do not call it for committed deployments, because the reconciler completes them.
        """
        if self.attempts >= MAX_ATTEMPTS:
            return self.fail(
                f"{reason} The deployment was attempted {MAX_ATTEMPTS} times.", now=now
            )
        return self._queue_again(now=now)

    def return_to_queue(self, *, now: datetime) -> Self:
        """
        Return a queued copy, because the worker is shutting down.

        This does not count as an attempt.
        """
        return evolve(self._queue_again(now=now), attempts=self.attempts - 1)

    def crash(self, error: str, *, now: datetime) -> Self:
        """Return a crashed copy, because the application keeps exiting and being restarted."""
        return evolve(self._with_status(DeploymentStatus.CRASHED, now=now), error=error)

    def recover(self, *, now: datetime) -> Self:
        """Return a running copy, because the application has recovered from a crash."""
        return evolve(self._with_status(DeploymentStatus.RUNNING, now=now), error=None)

    def restart(self) -> Self:
        """
        Return a copy with a new generation, which makes the supervisor replace all instances.

        Raises:
            ConflictError: If the deployment is not running, or is being replaced or stopped.
        """
        self.require_serving("restarted")
        return evolve(self, generation=self.generation + 1)

    def revert_generation(self, generation: int) -> Self:
        """Return a copy with *generation*, the generation before a failed restart."""
        return evolve(self, generation=generation)

    @property
    def single_writer(self) -> bool:
        """
        Return True if instances of other deployments must not run at the same time.

        This is the case if a volume allows only one instance. Before the run settings are set, the
        result is False.
        """
        return self.run_settings is not None and self.run_settings.single_writer

    def scale(self, replicas: int) -> Self:
        """
        Return a copy with a new number of replicas, or with one replica if the volumes do not allow
        more.
        """
        settings = self.run_settings or RunSettings()
        return evolve(self, run_settings=settings.with_replicas(replicas))

    def require_serving(self, action: str) -> None:
        """
        Raise ConflictError unless the deployment is running and not being replaced or stopped.

        Args:
            action: The past participle of the requested action for the error message, for example
                "restarted".
        """
        if self.status not in SERVING:
            raise ConflictError(
                f"Only a running deployment can be {action}: this deployment is {self.status}. "
                "Choose the active deployment."
            )
        if self.drain_until is not None:
            raise ConflictError(
                f"The deployment cannot be {action}: it was replaced or is being stopped. Choose "
                "the active deployment."
            )

    def drain(self, *, deadline: datetime) -> Self:
        """Return a copy that was replaced. Its open requests may finish until *deadline*."""
        return evolve(self, drain_until=self.drain_until or deadline)

    def open_rollback_window(self, replaced_id: DeploymentId, *, now: datetime) -> Self:
        """
        Return a copy with a rollback window that starts at *now*, the time of the cutover.

        Nothing changes if rollbacks are disabled.
        """
        if not self.rollback_window:
            return self
        return evolve(self, replaces=replaced_id, watch_until=now + self.rollback_window)

    def extend_rollback_window(self, *, now: datetime, is_down: bool) -> Self:
        """
        Return a copy with a rollback window that starts again at *now*.

        Call this method when an instance crashes or fails a probe. The first call extends the
        window. Later calls extend it only if *is_down* is true and less than half of it is left.
        Without an extension, a crash late in the window, or a slow restart, would leave no time to
        see whether the deployment crashes again.
        """
        if self.watch_until is None:
            return self
        first = (self.finished_at or now) + self.rollback_window
        is_due = is_down and self.watch_until - now < self.rollback_window / 2
        if self.watch_until > first and not is_due:
            return self
        return evolve(self, watch_until=now + self.rollback_window)

    def is_in_rollback_window(self, *, now: datetime) -> bool:
        """Return True if a failure at the time *now* triggers an automatic rollback."""
        is_over = has_passed(self.watch_until, now=now, max_distance=self.rollback_window)
        serves = self.status in SERVING and self.drain_until is None
        return serves and self.watch_until is not None and self.replaces is not None and not is_over

    def close_rollback_window(self) -> Self:
        """Return a copy without a rollback window, as the previous deployment is being stopped."""
        return evolve(self, replaces=None, watch_until=None)

    def roll_back(self, error: str, *, now: datetime) -> Self:
        """
        Return a copy that has failed because of an automatic rollback after it went live.

        Raises:
            InvalidTransitionError: If the deployment is not running.
        """
        if self.status not in SERVING:
            raise InvalidTransitionError(self.status, DeploymentStatus.FAILED)
        return evolve(
            self._with_status(DeploymentStatus.FAILED, now=now), error=error, watch_until=None
        )

    def reactivate(self) -> Self:
        """Return a copy that is active again, after it was replaced but before it stopped."""
        return evolve(self, drain_until=None)

    def stop(self, *, now: datetime) -> Self:
        """Return a stopped copy, which has no instances."""
        return evolve(
            self._with_status(DeploymentStatus.STOPPED, now=now), stopped_at=now, phase=None
        )

    def _queue_again(self, *, now: datetime) -> Self:
        return evolve(self._end(DeploymentStatus.QUEUED, now=now), phase=None)

    def _end(self, status: DeploymentStatus, *, now: datetime) -> Self:
        """
        Return a copy with *status* and without a worker.

        Raises:
            InvalidTransitionError: If the deployment is committed, or cannot have the status.
        """
        if self.is_committed:
            raise InvalidTransitionError(self.status, status)
        return evolve(self._with_status(status, now=now), worker=None)

    def _with_status(self, status: DeploymentStatus, *, now: datetime) -> Self:
        if status not in TRANSITIONS[self.status]:
            raise InvalidTransitionError(self.status, status)
        ends_work = status in SERVING or status in FINAL
        return evolve(
            self, status=status, finished_at=self.finished_at or now if ends_work else None
        )
