"""The life of a deployment, which obeys the tables of its steps."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.archives import check_sha256
from pushpaka_core.domain.deployment_steps import (
    FINAL,
    IN_WORK,
    SERVING,
    STEPS,
    TRANSITIONS,
    DeploymentStatus,
    Phase,
)
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.repository_names import check_branch, check_commit_sha
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import ConflictError, InvalidTransitionError

DeploymentId = NewType("DeploymentId", UUID)
ReleaseId = NewType("ReleaseId", UUID)

PRODUCTION = "production"
MOST_ATTEMPTS = 3


class DeploymentKind(StrEnum):
    """What somebody asked for."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    REDEPLOY = "redeploy"
    PROMOTE = "promote"


@frozen(kw_only=True)
class Lease:
    """The right of one worker to act for a deployment, until the fence moves on."""

    deployment_id: DeploymentId
    fence: int


def check_target(value: str) -> None:
    """Accept "production" and "preview:<branch>"."""
    kind, _, branch = value.partition(":")
    if value != PRODUCTION and kind != "preview":
        raise ValueError('must be "production" or "preview:<branch>"')
    if value != PRODUCTION:
        check_branch(branch)


def preview_of(branch: str) -> str:
    """Return the target of the preview of *branch*."""
    return f"preview:{branch}"


@frozen(kw_only=True)
class NewDeployment:
    """What somebody asks for to have a commit deployed."""

    project_id: ProjectId
    branch: str | None = field(default=None, validator=rule(check_branch))
    """None is the project's own branch."""
    commit_sha: str | None = field(default=None, validator=rule(check_commit_sha))
    """None is the branch's newest commit."""
    target: str = field(default=PRODUCTION, validator=rule(check_target))
    archive: str | None = field(default=None, validator=rule(check_sha256))
    """The hash of an archive that was sent, to be deployed instead of a commit."""


@frozen(kw_only=True)
class Deployment:
    """One attempt to turn a commit into something that runs."""

    id: DeploymentId
    project_id: ProjectId
    user_id: UserId
    slug: str
    """The project's, kept here for the deployment's own address."""
    target: str = PRODUCTION
    kind: DeploymentKind = DeploymentKind.DEPLOY
    source_deployment_id: DeploymentId | None = None
    sequence: int
    """Orders the deployments of a project by when they were asked for."""
    branch: str
    commit_sha: str | None = None
    commit_message: str | None = None
    commit_author: str | None = None
    status: DeploymentStatus = DeploymentStatus.QUEUED
    phase: Phase | None = None
    framework: str | None = None
    image: str | None = None
    release_id: ReleaseId | None = None
    """Known from the start where nothing is to be built."""
    run_settings: RunSettings | None = None
    """How its release is run, kept before the first start; a rollback brings it along."""
    error: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    superseded_because: str | None = None
    """What it was asked to end for; None where somebody has cancelled it."""
    drain_until: datetime | None = None
    """Set once another deployment is routed instead; the reconciler stops this one then."""
    generation: int = 1
    """Counts the restarts that were asked for; instances of an older one are to be replaced."""
    worker: str | None = None
    fence: int = 0
    """Counts the claims; a write with an older fence changes nothing."""
    heartbeat: int = 0
    attempts: int = 0
    """Claims that were lost with their worker, the present one included."""
    last_seq: int = 0
    """The number of the last log line."""
    archive: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None
    version: int = field(default=1, eq=False)

    @property
    def lease(self) -> Lease:
        """Return the lease under which it was claimed last."""
        return Lease(deployment_id=self.id, fence=self.fence)

    @property
    def is_final(self) -> bool:
        """Tell whether nothing will ever happen to it again."""
        return self.status in FINAL

    @property
    def is_in_work(self) -> bool:
        """Tell whether a worker holds it."""
        return self.status in IN_WORK

    @property
    def is_committed(self) -> bool:
        """Tell whether its target points at it: it can neither fail nor be cancelled any more."""
        return self.phase in (Phase.SWITCH, Phase.RUN)

    @property
    def has_run(self) -> bool:
        """Tell whether requests have ever been sent to it."""
        return self.status in SERVING or self.status is DeploymentStatus.STOPPED

    @property
    def duration(self) -> timedelta | None:
        """Return how long the work took, once it ran or ended without running."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at

    def claim(self, worker: str, *, at: datetime) -> Self:
        """
        Return it in the hands of *worker*, in its first step, under the next fence.

        Raises:
            InvalidTransitionError: If it does not wait.
        """
        phase = Phase.SOURCE if self.release_id is None else Phase.RELEASE
        if self.status is not DeploymentStatus.QUEUED:
            raise InvalidTransitionError(self.status, STEPS[phase].status)
        claimed = self.enter(phase, at=at)
        return evolve(
            claimed,
            worker=worker,
            fence=self.fence + 1,
            attempts=self.attempts + 1,
            started_at=self.started_at or at,
        )

    def enter(self, phase: Phase, *, at: datetime) -> Self:
        """
        Return it in *phase*, in the status that STEPS gives it.

        Raises:
            InvalidTransitionError: If TRANSITIONS has no such step.
        """
        status = STEPS[phase].status
        moved = self if status is self.status else self._move_to(status, at=at)
        return evolve(moved, phase=phase)

    def fail(self, error: str, *, at: datetime) -> Self:
        """Return it failed, with a sentence that tells its owner why."""
        return evolve(self._end(DeploymentStatus.FAILED, at=at), error=error)

    def cancel(self, *, at: datetime, because: str | None = None) -> Self:
        """
        Return it cancelled while it waits, else with the request noted for its worker.

        The first request counts: one with a reason, as a rollback has, will end it superseded.

        Raises:
            ConflictError: If it is committed or over.
        """
        if self.status is DeploymentStatus.QUEUED:
            return self.end_cancelled(at=at)
        if not self.is_in_work or self.is_committed:
            raise ConflictError(f"It is too late to cancel: the deployment is {self.status}.")
        if self.cancel_requested_at is not None:
            return self
        return evolve(self, cancel_requested_at=at, superseded_because=because)

    def end_cancelled(self, *, at: datetime) -> Self:
        """Return it ended as it was asked to: its worker has let go of it."""
        is_superseded = self.superseded_because is not None
        status = DeploymentStatus.SUPERSEDED if is_superseded else DeploymentStatus.CANCELLED
        return self._end(status, at=at)

    def supersede(self, *, at: datetime) -> Self:
        """Return it superseded: a newer one of the same target is wanted instead."""
        return self._end(DeploymentStatus.SUPERSEDED, at=at)

    def requeue(self, reason: str, *, at: datetime) -> Self:
        """
        Return it waiting again, or failed for *reason* after too many attempts.

        Not for a committed one: that is finished by the reconciler.
        """
        if self.attempts >= MOST_ATTEMPTS:
            return self.fail(f"{reason} It was tried {MOST_ATTEMPTS} times.", at=at)
        return self._wait_again(at=at)

    def hand_back(self, *, at: datetime) -> Self:
        """Return it waiting again because its worker ends; that does not count as an attempt."""
        return evolve(self._wait_again(at=at), attempts=self.attempts - 1)

    def crash(self, error: str, *, at: datetime) -> Self:
        """Return it crashed: its application keeps dying and is being restarted."""
        return evolve(self._move_to(DeploymentStatus.CRASHED, at=at), error=error)

    def recover(self, *, at: datetime) -> Self:
        """Return it running again after a crash."""
        return evolve(self._move_to(DeploymentStatus.RUNNING, at=at), error=None)

    def restart(self) -> Self:
        """
        Return it wanting new instances in place of those that it has.

        Raises:
            ConflictError: If it does not run, or another one takes its place already.
        """
        self.require_serving("restarted")
        return evolve(self, generation=self.generation + 1)

    def keep_generation(self, generation: int) -> Self:
        """Return it content with the instances of *generation*: a restart has failed."""
        return evolve(self, generation=generation)

    def scale(self, replicas: int) -> Self:
        """Return it wanting another number of replicas."""
        return evolve(
            self, run_settings=evolve(self.run_settings or RunSettings(), replicas=replicas)
        )

    def require_serving(self, what: str) -> None:
        """
        Pass only what serves and is going to; *what* is what it was asked to be.

        Raises:
            ConflictError: If it does not run, or another one takes its place already.
        """
        if self.status not in SERVING:
            raise ConflictError(f"Only what runs can be {what}: the deployment is {self.status}.")
        if self.drain_until is not None:
            raise ConflictError(f"It cannot be {what}: it has been replaced, or is being stopped.")

    def drain(self, *, until: datetime) -> Self:
        """Return it replaced: it answers what it has begun, until *until*."""
        return evolve(self, drain_until=self.drain_until or until)

    def stop(self, *, at: datetime) -> Self:
        """Return it stopped: nothing of it runs any more."""
        return evolve(self._move_to(DeploymentStatus.STOPPED, at=at), stopped_at=at, phase=None)

    def _wait_again(self, *, at: datetime) -> Self:
        return evolve(self._end(DeploymentStatus.QUEUED, at=at), phase=None)

    def _end(self, status: DeploymentStatus, *, at: datetime) -> Self:
        """Leave the worker's hands; a committed deployment can only go forward."""
        if self.is_committed:
            raise InvalidTransitionError(self.status, status)
        return evolve(self._move_to(status, at=at), worker=None)

    def _move_to(self, status: DeploymentStatus, *, at: datetime) -> Self:
        if status not in TRANSITIONS[self.status]:
            raise InvalidTransitionError(self.status, status)
        ends_work = status in SERVING or status in FINAL
        return evolve(
            self, status=status, finished_at=self.finished_at or at if ends_work else None
        )
