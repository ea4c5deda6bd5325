"""Claims deployments and takes them through the pipeline, several at a time."""

import logging
from collections.abc import AsyncIterator
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

from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.events import DeploymentMoved, Message
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import (
    LeaseLostError,
    PushpakaError,
    StaleEntityError,
    UnavailableError,
)
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import Pulse
from pushpaka_core.services.background import alongside
from pushpaka_core.services.pipeline import DeploymentPipeline
from pushpaka_worker.gate import Gate

logger = logging.getLogger(__name__)

_LET_GO_SECONDS = 20
"""Longer than a program is given to end by itself."""


class Outcome(Enum):
    """How the work on a lease came to its end."""

    COMMITTED = auto()
    ENDED = auto()
    """The pipeline itself has put it into a state in which it stays or waits."""
    CANCELLED = auto()
    LOST = auto()
    SHUT_DOWN = auto()
    BROKEN_OFF = auto()


@define
class Hold:
    """A job in hand, which may be ended from outside."""

    scope: CancelScope = field(factory=CancelScope)
    outcome: Outcome | None = None

    def end(self, outcome: Outcome) -> None:
        """End the job because of *outcome*; the first one counts."""
        self.outcome = self.outcome or outcome
        self.scope.cancel()


@frozen
class Worker:
    """
    The one loop that turns queued rows into running applications.

    Cancelling `run` hands the jobs in hand back to the queue; what is committed
    by then is finished by the reconciler.
    """

    _pipeline: DeploymentPipeline
    _gate: Gate
    _queue: DeploymentQueue
    _events: EventBus
    _timings: Timings
    _name: str
    _concurrency: int
    _in_hand: set[Lease] = field(factory=set, init=False)

    @property
    def jobs(self) -> int:
        """Return how many deployments are in its hands."""
        return len(self._in_hand)

    async def run(self) -> None:
        """Claim and work, without end."""
        slots = Semaphore(self._concurrency)
        async with create_task_group() as jobs:
            while True:
                await slots.acquire()
                lease = await self._next_lease()
                self._in_hand.add(lease)
                jobs.start_soon(self._work, lease, slots)

    async def _next_lease(self) -> Lease:
        while True:
            try:
                lease = await self._claim()
            except PushpakaError as error:
                logger.warning("nothing can be claimed: %s", error)
                await sleep(self._timings.poll.total_seconds())
                continue
            if lease is not None:
                return lease
            await self._queue.wait(self._timings.poll)

    async def _claim(self) -> Lease | None:
        return await self._pipeline.claim(self._name) if await self._gate.is_open() else None

    async def _work(self, lease: Lease, slots: Semaphore) -> None:
        logger.info("deployment %s is in work", lease.deployment_id)
        try:
            await self._work_guarded(lease)
        except LeaseLostError:
            logger.warning("deployment %s is not ours to work on any more", lease.deployment_id)
        except UnavailableError as error:
            logger.warning("the work on deployment %s broke off: %s", lease.deployment_id, error)
        except Exception:
            logger.exception("the work on deployment %s broke off", lease.deployment_id)
        finally:
            self._in_hand.discard(lease)
            slots.release()

    async def _work_guarded(self, lease: Lease) -> None:
        hold, outcome = Hold(), Outcome.BROKEN_OFF
        try:
            async with alongside(partial(self._watch, lease, hold)):
                with hold.scope:
                    is_committed = await self._pipeline.prepare(lease)
                    outcome = Outcome.COMMITTED if is_committed else Outcome.ENDED
        except get_cancelled_exc_class():
            outcome = Outcome.SHUT_DOWN
            raise
        finally:
            with move_on_after(_LET_GO_SECONDS, shield=True):
                await self._let_go(lease, hold.outcome or outcome)
        if outcome is Outcome.COMMITTED:
            await self._finish(lease)

    async def _let_go(self, lease: Lease, outcome: Outcome) -> None:
        """Leave nothing of an uncommitted job, as soon as that can be written down."""
        while True:
            try:
                return await self._end(lease, outcome)
            except UnavailableError as error:
                logger.warning("deployment %s cannot be let go: %s", lease.deployment_id, error)
                await sleep(self._timings.heartbeat.total_seconds())

    async def _end(self, lease: Lease, outcome: Outcome) -> None:
        match outcome:
            case Outcome.CANCELLED:
                await self._pipeline.end_cancelled(lease)
            case Outcome.LOST:
                await self._pipeline.abandon(lease)
            case Outcome.SHUT_DOWN:
                await self._pipeline.hand_back(lease)
            case Outcome.BROKEN_OFF:
                await self._pipeline.take_back(lease, "The work on it broke off.")
            case Outcome.COMMITTED | Outcome.ENDED:
                pass

    async def _finish(self, lease: Lease) -> None:
        try:
            await self._pipeline.finish(lease)
        except (UnavailableError, StaleEntityError) as error:
            logger.warning("deployment %s is not routed yet: %s", lease.deployment_id, error)

    async def _watch(self, lease: Lease, hold: Hold) -> None:
        """Hear that the job was cancelled: before the first heartbeat from it, then by message."""
        async with (
            self._events.subscribe(lease.deployment_id) as messages,
            create_task_group() as tasks,
        ):
            tasks.start_soon(self._listen, messages, hold)
            await self._beat(lease, hold)

    async def _beat(self, lease: Lease, hold: Hold) -> None:
        """Show that the job lives, until somebody wants it to end or it cannot be shown."""
        pause = 0.0
        while True:
            pulse: Pulse | None = None
            with move_on_after(self._timings.give_up.total_seconds()):
                await sleep(pause)
                pulse = await self._next_pulse(lease)
            if pulse is None:
                logger.warning("deployment %s is let go: its lease was lost", lease.deployment_id)
                return hold.end(Outcome.LOST)
            if pulse.cancel_requested:
                return hold.end(Outcome.CANCELLED)
            pause = self._timings.heartbeat.total_seconds()

    async def _next_pulse(self, lease: Lease) -> Pulse | None:
        """Return the answer to the next heartbeat that is heard; None where the lease is lost."""
        while True:
            try:
                return await self._pipeline.beat(lease)
            except LeaseLostError as error:
                logger.warning("no heartbeat for %s: %s", lease.deployment_id, error)
                return None
            except UnavailableError as error:
                logger.warning("no heartbeat for %s: %s", lease.deployment_id, error)
            await sleep(self._timings.heartbeat.total_seconds())

    async def _listen(self, messages: AsyncIterator[Message], hold: Hold) -> None:
        """Hear at once that the job was cancelled."""
        async for message in messages:
            match message:
                case DeploymentMoved(deployment=moved) if moved.cancel_requested_at:
                    hold.end(Outcome.CANCELLED)
