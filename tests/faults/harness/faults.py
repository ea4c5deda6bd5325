"""The faults of the harness, and their injection in an order that a seed determines."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from random import Random
from typing import Any

from anyio import CancelScope, Lock, create_task_group, sleep, to_thread
from attrs import define, field, frozen
from tests.faults.harness.cluster import LEASE_SECONDS, Cluster, Program
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer


class Kind(StrEnum):
    """The kinds of faults, which a report counts separately."""

    KILL = "kills"
    PAUSE = "pauses"
    OUTAGE = "outages of servers"


@frozen(kw_only=True)
class Fault:
    """A fault that ends after some seconds, with one or more possible targets."""

    name: str
    kind: Kind
    weight: int
    victims: Callable[[Cluster], Sequence[Any]]
    begin: Callable[[Any], None]
    seconds: tuple[float, float] = (0, 0)
    """The minimum and the maximum duration."""
    end: Callable[[Any], None] | None = None


def _workers(cluster: Cluster) -> Sequence[Program]:
    return cluster.workers


def _apis(cluster: Cluster) -> Sequence[Program]:
    return cluster.apis


def _redis(cluster: Cluster) -> Sequence[RedisServer]:
    return [cluster.redis]


def _postgres(cluster: Cluster) -> Sequence[PostgresServer]:
    return [cluster.postgres] if cluster.postgres else []


FAULTS = (
    Fault(name="worker killed", kind=Kind.KILL, weight=6, victims=_workers, begin=Program.kill),
    Fault(
        name="worker terminated", kind=Kind.KILL, weight=1,
        victims=_workers, begin=Program.terminate,
    ),
    Fault(name="API killed", kind=Kind.KILL, weight=2, victims=_apis, begin=Program.kill),
    Fault(
        name="worker paused for less than its lease",
        kind=Kind.PAUSE, weight=2, victims=_workers,
        begin=Program.pause, seconds=(0.5, 3), end=Program.resume,
    ),
    Fault(
        name="worker paused for longer than its lease",
        kind=Kind.PAUSE, weight=4, victims=_workers,
        begin=Program.pause, seconds=(LEASE_SECONDS + 1, LEASE_SECONDS + 4), end=Program.resume,
    ),
    Fault(
        name="API paused",
        kind=Kind.PAUSE, weight=1, victims=_apis,
        begin=Program.pause, seconds=(0.5, 4), end=Program.resume,
    ),
    Fault(
        name="Redis paused",
        kind=Kind.PAUSE, weight=1, victims=_redis,
        begin=RedisServer.suspend, seconds=(0.5, 3), end=RedisServer.resume,
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
"""All faults. In each round, a fault occurs as many times as its weight says."""


@define
class FaultInjector:
    """Injects several faults at once, but never two into the same target."""

    _cluster: Cluster
    _random: Random
    counts: Counter[Fault] = field(factory=Counter, init=False)
    _locks: dict[int, Lock] = field(factory=lambda: defaultdict(Lock), init=False)

    async def inject(self, number: int, pace: Callable[[int], Awaitable[None]]) -> None:
        """Inject *number* faults, awaiting *pace* before each, and return once all have ended."""
        async with create_task_group() as tasks:
            for nth, fault in enumerate(islice(self._faults(), number), 1):
                await pace(nth)
                victim = self._random.choice(fault.victims(self._cluster))
                tasks.start_soon(self._inject, fault, victim, self._random.uniform(*fault.seconds))

    def count(self, kind: Kind) -> int:
        """Return the number of faults of *kind* that were injected."""
        return sum(times for fault, times in self.counts.items() if fault.kind is kind)

    def _faults(self) -> Iterator[Fault]:
        """Yield rounds of all faults endlessly, each round in another random order."""
        possible = [fault for fault in FAULTS if fault.victims(self._cluster)]
        while True:
            deck = [fault for fault in possible for _ in range(fault.weight)]
            self._random.shuffle(deck)
            yield from deck

    async def _inject(self, fault: Fault, target: object, seconds: float) -> None:
        async with self._locks[id(target)]:
            self.counts[fault] += 1
            try:
                await to_thread.run_sync(fault.begin, target)
                await sleep(seconds)
            finally:
                if fault.end is not None:
                    with CancelScope(shield=True):
                        await to_thread.run_sync(fault.end, target)
