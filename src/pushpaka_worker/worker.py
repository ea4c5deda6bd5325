"""Claims deployments and runs several of them concurrently."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from enum import Enum, auto
from functools import partial

from anyio import (
    CancelScope,
    Semaphore,
    create_task_group,
    get_cancelled_exc_class,
    move_on_after,
    sleep,
)
from attrs import define, field, frozen

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.logs.events import DeploymentChanged, Message
from pushpaka_core.errors import (
    LeaseLostError,
    PushpakaError,
    StaleEntityError,
    UnavailableError,
)
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import HeartbeatResult
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.pipeline.pipeline import DeploymentPipeline
from pushpaka_worker.admission_gate import AdmissionGate
from pushpaka_worker.renewal import renew

logger = logging.getLogger(__name__)

_CLEAN_UP_SECONDS = 20
"""
Seconds to clean up after a deployment. Longer than the grace period of the applications that are
stopped then.
"""


class Outcome(Enum):
    """How a worker's job, the work on one deployment, ended."""

    COMMITTED = auto()
    ENDED = auto()
    """The pipeline has already ended the deployment, or queued it again."""
    CANCELLED = auto()
    LEASE_LOST = auto()
    """The lease was taken by another worker, or could not be renewed."""
    SHUT_DOWN = auto()
    INTERRUPTED = auto()


@define
class RunningJob:
    """A deployment in progress that other tasks can stop."""

    scope: CancelScope = field(factory=CancelScope)
    outcome: Outcome | None = None

    def stop(self, outcome: Outcome) -> None:
        """Stop the job with *outcome*. Later calls do not change the outcome."""
        self.outcome = self.outcome or outcome
        self.scope.cancel()


@frozen
class Worker:
    """
    Claims queued deployments and runs them through the pipeline.

    Canceling `run` queues the deployments in progress again. The reconciler finishes those that
    are already committed.
    """

    _pipeline: DeploymentPipeline
    _admission_gate: AdmissionGate
    _queue: DeploymentQueue
    _events: EventBus
    _timeouts: Timeouts
    _name: str
    _concurrency: int
    _held_leases: set[Lease] = field(factory=set, init=False)

    @property
    def jobs(self) -> int:
        """Return the number of deployments in progress."""
        return len(self._held_leases)

    async def run(self) -> None:
        """Claim and run deployments until canceled."""
        slots = Semaphore(self._concurrency)
        async with create_task_group() as jobs:
            while True:
                await slots.acquire()
                lease = await self._next_lease()
                self._held_leases.add(lease)
                jobs.start_soon(self._run_job, lease, slots)

    async def _next_lease(self) -> Lease:
        while True:
            try:
                lease = await self._claim()
            except PushpakaError as error:
                logger.warning("Deployments cannot be claimed: %s", error)
                await sleep(self._timeouts.poll_interval.total_seconds())
                continue
            if lease is not None:
                return lease
            await self._queue.wait(self._timeouts.poll_interval)

    async def _claim(self) -> Lease | None:
        return (
            await self._pipeline.claim(self._name) if await self._admission_gate.is_open() else None
        )

    async def _run_job(self, lease: Lease, slots: Semaphore) -> None:
        logger.info("Claimed deployment %s.", lease.deployment_id)
        try:
            await self._run_with_heartbeat(lease)
        except LeaseLostError:
            logger.warning("Another worker has taken over deployment %s.", lease.deployment_id)
        except UnavailableError as error:
            logger.warning("Work on deployment %s was interrupted: %s", lease.deployment_id, error)
        except Exception:
            logger.exception("Work on deployment %s failed.", lease.deployment_id)
        finally:
            self._held_leases.discard(lease)
            slots.release()

    async def _run_with_heartbeat(self, lease: Lease) -> None:
        hold, outcome = RunningJob(), Outcome.INTERRUPTED
        try:
            async with background_task(partial(self._watch, lease, hold)):
                with hold.scope:
                    is_committed = await self._pipeline.prepare(lease)
                    outcome = Outcome.COMMITTED if is_committed else Outcome.ENDED
        except get_cancelled_exc_class():
            outcome = Outcome.SHUT_DOWN
            raise
        finally:
            with move_on_after(_CLEAN_UP_SECONDS, shield=True):
                await self._clean_up(lease, hold.outcome or outcome)
        if outcome is Outcome.COMMITTED:
            await self._finish(lease)

    async def _clean_up(self, lease: Lease, outcome: Outcome) -> None:
        """Clean up after an uncommitted deployment. Retry while the database does not respond."""
        while True:
            try:
                return await self._end(lease, outcome)
            except UnavailableError as error:
                logger.warning(
                    "The files of deployment %s cannot be cleaned up yet: %s",
                    lease.deployment_id,
                    error,
                )
                await sleep(self._timeouts.heartbeat_interval.total_seconds())

    async def _end(self, lease: Lease, outcome: Outcome) -> None:
        match outcome:
            case Outcome.CANCELLED:
                await self._pipeline.end_canceled(lease)
            case Outcome.LEASE_LOST:
                await self._pipeline.abandon(lease)
            case Outcome.SHUT_DOWN:
                await self._pipeline.requeue_on_shutdown(lease)
            case Outcome.INTERRUPTED:
                await self._pipeline.requeue_after_failure(lease, "The work was interrupted.")
            case Outcome.COMMITTED | Outcome.ENDED:
                pass

    async def _finish(self, lease: Lease) -> None:
        try:
            await self._pipeline.finish(lease)
        except (UnavailableError, StaleEntityError) as error:
            logger.warning("Deployment %s is not routed yet: %s", lease.deployment_id, error)

    async def _watch(self, lease: Lease, running_job: RunningJob) -> None:
        """
        Renew the lease, and stop the job when the lease is lost or the deployment is canceled.

        Subscribes before the first heartbeat, so that no cancellation is missed in between.
        """
        async with (
            self._events.subscribe(lease.deployment_id) as messages,
            create_task_group() as tasks,
        ):
            tasks.start_soon(self._watch_messages, messages, running_job)
            await self._renew_lease(lease, running_job)

    async def _renew_lease(self, lease: Lease, running_job: RunningJob) -> None:
        """
        Renew the lease until it is lost or the deployment is canceled.

        This also detects cancellations whose message was lost.
        """
        pause = timedelta(0)
        while True:
            heartbeat_result: HeartbeatResult | None = await renew(
                partial(self._pipeline.renew, lease),
                initial_delay=pause,
                timeouts=self._timeouts,
                subject=f"deployment {lease.deployment_id}",
            )
            if heartbeat_result is None:
                logger.warning(
                    "Stopped work on deployment %s: its lease was lost.", lease.deployment_id
                )
                return running_job.stop(Outcome.LEASE_LOST)
            if heartbeat_result.cancel_requested:
                return running_job.stop(Outcome.CANCELLED)
            pause = self._timeouts.heartbeat_interval

    async def _watch_messages(
        self, messages: AsyncIterator[Message], running_job: RunningJob
    ) -> None:
        """Stop the job as soon as a message reports the cancellation."""
        async for message in messages:
            match message:
                case DeploymentChanged(deployment=moved) if moved.cancel_requested_at:
                    running_job.stop(Outcome.CANCELLED)
