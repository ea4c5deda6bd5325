"""A platform whose workers and reconcilers are played step by step, by sync calls."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar, cast

from attrs import define, evolve, field
from tests.faults.promises import (
    Sight,
    Witness,
    all_is_at_rest,
    look,
    nothing_is_orphaned,
    routes_are_right,
    routes_lead_to_programs,
)
from tests.faults.stage import Actor, StagedStorage
from tests.services.platform import FAST, Platform, open_platform

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import LeaseLostError, NotFoundError, PushpakaError, UnavailableError
from pushpaka_core.ports.storage import Storage
from pushpaka_worker.gate import Gate
from pushpaka_worker.lease_watch import LeaseWatch
from pushpaka_worker.worker import Worker

T = TypeVar("T")
Verb = Callable[[], Awaitable[None]]
Play = Callable[[], Awaitable[object]]
OpenStorage = Callable[[], AbstractAsyncContextManager[Storage]]

STILL = evolve(
    FAST,
    poll=timedelta(microseconds=50),
    heartbeat=timedelta(hours=1),
    give_up=timedelta(hours=2),
    silence=timedelta(seconds=20),
)
"""Only steps move a worker: it looks for work at once, and by itself its heart beats once."""
ROUNDS = 12


def _observers(number: int) -> Sequence[LeaseWatch]:
    return [LeaseWatch(STILL.silence) for _ in range(number)]


class Complaints(logging.Handler):
    """Keeps the errors that nobody expects, which workers log and survive."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.unexpected: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, PushpakaError):
            self.unexpected.append(error)


@define
class Theatre:
    """Everything that a state machine does to a platform, and what it sees of it."""

    platform: Platform
    storage: StagedStorage
    witness: Witness
    workers: list[Actor]
    _runner: asyncio.Runner
    _stack: AsyncExitStack
    _complaints: Complaints
    steady: float = field(default=0, init=False)
    """Seconds by which everybody measures silence, whatever the clock on the wall says."""
    _observers: Sequence[LeaseWatch] = field(factory=lambda: _observers(2), init=False)
    _shown_at: dict[Lease, float] = field(factory=dict, init=False)
    """When each lease was taken, or beat last."""
    _hands: dict[Actor, Worker] = field(factory=dict, init=False)
    is_broken: bool = field(default=False, init=False)
    """Whether something has happened that nobody expects: there is no sense in going on."""
    _reconcilers: dict[str, Actor] = field(factory=dict, init=False)
    _killed: list[Actor] = field(factory=list, init=False)
    """They wait for ever where they were."""

    @classmethod
    def opened(cls, open_storage: OpenStorage) -> Self:
        """Open a platform on a loop of its own, with two workers at the door."""
        runner, stack = asyncio.Runner(), AsyncExitStack()
        staged = StagedStorage(runner.run(stack.enter_async_context(open_storage())))
        opening = open_platform(cast("MemoryStorage", staged))
        platform = runner.run(stack.enter_async_context(opening))
        staged.is_atomic = platform.engine.reconciliation._routing._writing.locked
        complaints = Complaints()
        logging.getLogger("pushpaka_worker").addHandler(complaints)
        witness = Witness(platform, staged.present)
        theatre = cls(platform, staged, witness, [], runner, stack, complaints)
        theatre.workers += [theatre.new_worker(number) for number in range(2)]
        return theatre

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        """Do something as a whole, as nobody's step."""
        try:
            return self._runner.run(call)
        except BaseException:
            self.is_broken = True
            raise

    def ask(self, call: Coroutine[Any, Any, Any]) -> str:
        """Do what somebody asks for, and return why it is refused, if it is."""
        try:
            self.do(call)
        except PushpakaError as error:
            self.is_broken = False
            return type(error).__name__
        return "done"

    def see(self) -> Sight:
        """Check every promise that holds at any moment."""
        now = self.do(self.witness.see())
        self._shown_at = {lease: self._shown_at.get(lease, self.steady) for lease in now.leases}
        self.is_broken = bool(self._complaints.unexpected)
        assert [] == self._complaints.unexpected
        return now

    def replace_worker(self, number: int) -> None:
        """Let go of a worker where it is, as SIGKILL does, and begin with another."""
        self._killed.append(self.workers[number])
        self.workers[number] = self.new_worker(number)

    def break_off(self, play: Play, steps: float) -> None:
        """Begin something, and let go of it where it is after so many steps."""
        actor = self._begun(play)
        self.do(actor.step(steps))
        self._killed.append(actor)

    def forget_reconcilers(self) -> None:
        """Let go of all reconcilers where they are."""
        self._killed += self._reconcilers.values()
        self._reconcilers.clear()

    def new_worker(self, number: int) -> Actor:
        """Return a worker that waits to be let on."""
        engine = self.platform.engine
        worker = Worker(
            pipeline=engine.pipeline,
            gate=Gate(engine.admission),
            queue=self.platform.queue,
            events=self.platform.events,
            timings=STILL,
            name=f"worker-{number}",
            concurrency=1,
        )
        actor = self._begun(worker.run)
        self._hands[actor] = worker
        return actor

    def tick(self, seconds: int) -> None:
        """Let time pass, on the wall and for those who measure silence."""
        self.platform.clock.tick(seconds)
        self.steady += seconds

    def beat(self, number: int) -> None:
        """Let a worker show that it lives and holds what it has in hand."""
        for lease in list(self._hands[self.workers[number]]._in_hand):
            if self.ask(self.platform.engine.pipeline.beat(lease)) == "done":
                self._shown_at[lease] = self.steady

    def observe(self, number: int) -> None:
        """Look at all leases as one of several reconcilers does, and take back what is silent."""
        reconciliation = self.platform.engine.reconciliation
        sights = self.do(reconciliation.leases())
        for lease in self._observers[number].silent(sights, now=self.steady):
            silence = timedelta(seconds=self.steady - self._shown_at[lease])
            assert silence >= STILL.silence, "P2: a lease was taken from somebody who beats"
            self.ask(reconciliation.requeue(lease))

    def reconcile(self, name: str, steps: float) -> None:
        """Begin a verb of the reconciler, or go on with it."""
        actor = self._reconcilers.get(name)
        if actor is None or actor.is_over:
            actor = self._reconcilers[name] = self._begun(self.verbs[name])
        self.do(actor.step(steps))

    @property
    def verbs(self) -> Mapping[str, Verb]:
        """What reconcilers do, by name."""
        engine = self.platform.engine
        return {
            "finish_switches": engine.reconciliation.finish_switches,
            "stop_drained": engine.reconciliation.stop_drained,
            "tend": engine.tending.tend,
            "restart": engine.restarting.restart,
            "check_liveness": engine.tending.check_liveness,
            "delete_projects": engine.sweeping.delete_projects,
            "mend_routes": engine.reconciliation.mend_routes,
            "sweep": engine.sweeping.sweep,
        }

    def work_off(self) -> None:
        """Do all the work that there is, as nobody's step."""
        self.do(self._work())

    def drop_work(self, project: Project) -> None:
        """Take back what workers have in hand of *project*, or finish what is committed."""
        reconciliation = self.platform.engine.reconciliation
        for deployment in self.do(look(self.storage.present)).of(project):
            if deployment.is_in_work:
                self.do(reconciliation.requeue(deployment.lease))
        self.do(reconciliation.finish_switches())

    def leases_of(self, programs: Collection[str]) -> Collection[Lease]:
        """Return the leases in work under which *programs* were started."""
        now = self.do(look(self.storage.present))
        return {i.lease for i in now.instances if i.name in programs} & now.leases

    def stale(self) -> Sequence[Lease]:
        """Return the leases that are worth nothing any more."""
        valid = self.do(look(self.storage.present)).leases
        return [lease for lease in self.witness.leases if lease not in valid]

    def misuse(self, lease: Lease) -> None:
        """P2: whatever is written under a lease that is lost changes nothing."""
        before = self.do(look(self.storage.present))
        pipeline = self.platform.engine.pipeline
        for verb in (
            pipeline.beat,
            pipeline.finish,
            pipeline.end_cancelled,
            pipeline.hand_back,
            partial(pipeline.take_back, reason="The work broke off."),
        ):
            try:
                self.do(cast("Coroutine[Any, Any, None]", verb(lease)))
            except (LeaseLostError, NotFoundError, UnavailableError):
                self.is_broken = False
        after = self.do(look(self.storage.present))
        assert before.deployments == after.deployments, "P2: a lost lease changed a deployment"
        assert before.targets == after.targets, "P2: a lost lease changed a target"

    def quiet_round(self) -> None:
        """P4, P7: let every verb end twice, and see that nothing is left or wrong."""
        for _ in range(2):
            for verb in self.verbs.values():
                self.do(cast("Coroutine[Any, Any, None]", verb()))
        now = self.see()
        routes_are_right(self.platform, now)
        routes_lead_to_programs(self.platform)
        self.do(nothing_is_orphaned(self.platform, now))

    def come_to_rest(self) -> None:
        """P1: begin anew with one worker and everything well, and see that all comes to its end."""
        self.do(self.platform.reconciler().requeue_all())
        for _ in range(ROUNDS):
            self.work_off()
            self.quiet_round()
            self.platform.clock.tick(31)
        now = self.see()
        all_is_at_rest(now)
        assert self.do(self.platform.is_tidy()), "P7: something is left, or gone"

    def close(self) -> None:
        """End everything, whatever state it is in."""
        logging.getLogger("pushpaka_worker").removeHandler(self._complaints)
        try:
            for actor in [*self.workers, *self._reconcilers.values(), *self._killed]:
                self.do(actor.end())
            self.do(self._stack.aclose())
        finally:
            self._runner.close()

    async def _work(self) -> None:
        pipeline = self.platform.engine.pipeline
        while (lease := await pipeline.claim("worker-9")) is not None:
            if await pipeline.prepare(lease):
                await pipeline.finish(lease)

    def _begun(self, play: Play) -> Actor:
        actor = Actor()

        async def begin() -> None:
            actor.begin(cast("Callable[[], Coroutine[Any, Any, None]]", play))
            await actor.step(0)

        self.do(begin())
        return actor
