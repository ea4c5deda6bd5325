"""A platform whose workers and reconcilers are played step by step, by sync calls."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar, cast
from unittest.mock import patch

from attrs import define, evolve, field
from tests.faults.keepers import HELD, TIMINGS, Keeper, verbs_of
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
from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import LeaseLostError, NotFoundError, PushpakaError, UnavailableError
from pushpaka_core.ports.storage import Storage
from pushpaka_worker import tenure
from pushpaka_worker.gate import Gate
from pushpaka_worker.lease_watch import LeaseWatch
from pushpaka_worker.worker import Worker

T = TypeVar("T")
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
    keepers: list[Keeper] = field(factory=list, init=False)
    _node: NodeLease | None = field(default=None, init=False)
    _node_shown_at: float = field(default=0, init=False)
    _killed: list[Actor] = field(factory=list, init=False)
    """They wait for ever where they were."""

    @classmethod
    def opened(cls, open_storage: OpenStorage) -> Self:
        """Open a platform on a loop of its own, with two workers at the door."""
        runner, stack = asyncio.Runner(), AsyncExitStack()
        staged = StagedStorage(runner.run(stack.enter_async_context(open_storage())))
        opening = open_platform(cast("MemoryStorage", staged))
        platform = runner.run(stack.enter_async_context(opening))
        complaints = Complaints()
        logging.getLogger("pushpaka_worker").addHandler(complaints)
        witness = Witness(platform, staged.present)
        theatre = cls(platform, staged, witness, [], runner, stack, complaints)
        staged.is_atomic = theatre._is_routing
        stack.enter_context(patch.object(tenure, "current_time", lambda: theatre.steady))
        theatre.do(platform.engine.node_hold.release())
        theatre.workers += [theatre.new_worker(number) for number in range(2)]
        theatre.keepers += [theatre.new_keeper(number) for number in range(2)]
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
        self._see_node()
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

    def replace_keeper(self, number: int) -> None:
        """Let go of a process where it is, with all that it was busy with, and begin another."""
        self._killed += self.keepers[number].actors
        self.keepers[number] = self.new_keeper(number)

    def new_keeper(self, number: int) -> Keeper:
        """Return a process that wants the node."""
        keeper = Keeper(f"keeper-{number}", self.platform.another_engine())
        keeper.tenure = self._begun(keeper.run)
        return keeper

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

    def hold_on(self, number: int, steps: float) -> None:
        """Let a process look at the node, take it, or show that it lives; P2: it waits for it."""
        keeper, before = self.keepers[number], self._see_node()
        self.do(keeper.tenure.step(steps))
        after = self.do(keeper.engine.node_hold.look())
        if after and before and after.fence > before.fence and before.is_held:
            silence = timedelta(seconds=self.steady - self._node_shown_at)
            is_its_own = before.holder == keeper.name
            assert is_its_own or silence >= TIMINGS.silence, "P2: a node was taken from the living"
        if not keeper.is_at_work:
            for actor in keeper.busy.values():
                self.do(actor.end())
            keeper.busy.clear()

    def reconcile(self, number: int, name: str, steps: float) -> None:
        """Have a process begin a verb, or go on with it; who does not have the node wants it."""
        keeper = self.keepers[number]
        if not keeper.is_at_work:
            self.hold_on(number, steps)
            return
        actor = keeper.busy.get(name)
        if actor is None or actor.is_over:
            actor = keeper.busy[name] = self._begun(verbs_of(keeper.engine)[name])
        is_stale = name in HELD and not keeper.has(self._see_node())
        before = self._rows() if is_stale else None
        self.do(actor.step(steps))
        assert before is None or before == self._rows(), "P2: who lost the node changed a row"

    def number_at_work(self) -> int:
        """Return the process that has the node, once one has it."""
        for _ in range(ROUNDS):
            for number, keeper in enumerate(self.keepers):
                if keeper.is_at_work and keeper.has(self._see_node()):
                    return number
                self.hold_on(number, 2)
            self.steady += TIMINGS.silence.total_seconds()
        raise AssertionError("P2: nobody gets the node")

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
        self.do(self.platform.take_node())
        for _ in range(2):
            for verb in verbs_of(self.platform.engine).values():
                self.do(cast("Coroutine[Any, Any, None]", verb()))
        self.do(self.platform.engine.node_hold.release())
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
            processes = [actor for keeper in self.keepers for actor in keeper.actors]
            for actor in [*self.workers, *processes, *self._killed]:
                self.do(actor.end())
            self.do(self._stack.aclose())
        finally:
            self._runner.close()

    async def _work(self) -> None:
        pipeline = self.platform.engine.pipeline
        while (lease := await pipeline.claim("worker-9")) is not None:
            if await pipeline.prepare(lease):
                await pipeline.finish(lease)

    def _see_node(self) -> NodeLease | None:
        """Return the lease of the node; P2: its fence only grows."""
        now = self.do(self.platform.engine.node_hold.look())
        if now != self._node:
            fences = [lease.fence for lease in (self._node, now) if lease is not None]
            assert fences == sorted(fences), "P2: a node went back to who had lost it"
            self._node, self._node_shown_at = now, self.steady
        return now

    def _rows(self) -> object:
        """Return what is written under the lease of the node; logs may be written by anybody."""
        now = self.do(look(self.storage.present))
        deployments = [evolve(d, last_seq=0) for d in now.deployments.values()]
        return deployments, now.targets, now.instances, now.projects

    def _is_routing(self) -> bool:
        engines = [self.platform.engine, *(keeper.engine for keeper in self.keepers)]
        return any(engine.routing._writing.locked() for engine in engines)

    def _begun(self, play: Play) -> Actor:
        actor = Actor()

        async def begin() -> None:
            actor.begin(cast("Callable[[], Coroutine[Any, Any, None]]", play))
            await actor.step(0)

        self.do(begin())
        return actor
