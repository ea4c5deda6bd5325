"""What goes wrong: a table, and who lets it happen in an order that a seed decides."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from random import Random
from typing import Any

from anyio import CancelScope, Lock, create_task_group, sleep, to_thread
from attrs import define, field, frozen
from tests.faults.harness.world import Program, World
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer


class Kind(StrEnum):
    """As what a fault is counted."""

    KILL = "kills"
    PAUSE = "pauses"
    OUTAGE = "outages of servers"


@frozen(kw_only=True)
class Fault:
    """Something that happens to one of several victims, and is over after some seconds."""

    name: str
    kind: Kind
    weight: int
    victims: Callable[[World], Sequence[Any]]
    begin: Callable[[Any], None]
    seconds: tuple[float, float] = (0, 0)
    """Of how long it lasts: the least and the most."""
    end: Callable[[Any], None] | None = None


def _workers(world: World) -> Sequence[Program]:
    return world.workers


def _apis(world: World) -> Sequence[Program]:
    return world.apis


def _redis(world: World) -> Sequence[RedisServer]:
    return [world.redis]


def _postgres(world: World) -> Sequence[PostgresServer]:
    return [world.postgres] if world.postgres else []


FAULTS = (
    Fault(name="worker killed", kind=Kind.KILL, weight=6, victims=_workers, begin=Program.kill),
    Fault(name="worker told to end", kind=Kind.KILL, weight=1, victims=_workers, begin=Program.end),
    Fault(name="API killed", kind=Kind.KILL, weight=2, victims=_apis, begin=Program.kill),
    Fault(
        name="worker paused for less than its lease",
        kind=Kind.PAUSE, weight=2, victims=_workers,
        begin=Program.pause, seconds=(0.5, 3), end=Program.go_on,
    ),
    Fault(
        name="worker paused for longer than its lease",
        kind=Kind.PAUSE, weight=4, victims=_workers,
        begin=Program.pause, seconds=(5, 9), end=Program.go_on,
    ),
    Fault(
        name="API paused",
        kind=Kind.PAUSE, weight=1, victims=_apis,
        begin=Program.pause, seconds=(0.5, 4), end=Program.go_on,
    ),
    Fault(
        name="Redis paused",
        kind=Kind.PAUSE, weight=1, victims=_redis,
        begin=RedisServer.pause, seconds=(0.5, 3), end=RedisServer.go_on,
    ),
    Fault(
        name="Redis restarted", kind=Kind.OUTAGE, weight=1, victims=_redis,
        begin=RedisServer.kill, seconds=(0, 2), end=RedisServer.start,
    ),
    Fault(
        name="Redis flushed", kind=Kind.OUTAGE, weight=1, victims=_redis, begin=RedisServer.flush
    ),
    Fault(
        name="PostgreSQL crashed", kind=Kind.OUTAGE, weight=2, victims=_postgres,
        begin=PostgresServer.restart,
    ),
)  # fmt: skip
"""With SIGKILL, SIGTERM, SIGSTOP and SIGCONT; each weight says how often in a round of all."""


@define
class Misfortune:
    """Lets faults happen, several at a time but one after the other to the same victim."""

    _world: World
    _random: Random
    tally: Counter[Fault] = field(factory=Counter, init=False)
    _locks: dict[int, Lock] = field(factory=lambda: defaultdict(Lock), init=False)

    async def strike(self, number: int, pace: Callable[[int], Awaitable[None]]) -> None:
        """Let *number* faults happen, each after *pace* has returned; return when all are over."""
        async with create_task_group() as tasks:
            for nth, fault in enumerate(islice(self._faults(), number), 1):
                await pace(nth)
                victim = self._random.choice(fault.victims(self._world))
                tasks.start_soon(self._suffer, fault, victim, self._random.uniform(*fault.seconds))

    def count(self, kind: Kind) -> int:
        """Return how many faults of a kind there were."""
        return sum(times for fault, times in self.tally.items() if fault.kind is kind)

    def _faults(self) -> Iterator[Fault]:
        """Return all of the table in some order, and again in another, without end."""
        possible = [fault for fault in FAULTS if fault.victims(self._world)]
        while True:
            deck = [fault for fault in possible for _ in range(fault.weight)]
            self._random.shuffle(deck)
            yield from deck

    async def _suffer(self, fault: Fault, victim: object, seconds: float) -> None:
        async with self._locks[id(victim)]:
            self.tally[fault] += 1
            try:
                await to_thread.run_sync(fault.begin, victim)
                await sleep(seconds)
            finally:
                if fault.end is not None:
                    with CancelScope(shield=True):
                        await to_thread.run_sync(fault.end, victim)
