"""A run of the harness: deployments while faults are injected, and a report of problems."""

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from secrets import randbelow
from signal import SIGKILL, SIGTERM

from anyio import create_task_group
from attrs import field, frozen
from tests.faults.harness.cluster import Cluster, Database, open_cluster
from tests.faults.harness.faults import FaultInjector, Kind
from tests.faults.harness.users import Ledger, Users
from tests.faults.harness.verdict import Verdict, reach_verdict

_LONGEST_PAUSE = 10
"""The maximum number of seconds between two faults."""
_REFUSED_WRITES = (
    "does not hold the lease on the",
    "Another worker has taken over deployment",
)
"""Log messages of a worker whose write was refused because another worker has taken over."""
_LOST_LEASES = ("Stopped work on deployment", "Lost the lease for the node")
"""Log messages of a worker that has lost a lease, and stops its work under that lease."""
_MAX_SENTENCES = 20
_INJECTED_EXITS = frozenset({0, -SIGKILL, -SIGTERM})
_REFUSALS_TO_START = ("Error: The database is unavailable", "Error: The database server ")
"""The last log lines of programs that could not start because their database was unavailable."""


@frozen
class Plan:
    """The size of a run, and the seed of its random choices."""

    deployments: int = 12
    faults: int = 4
    seed: int = field(factory=partial(randbelow, 10**6))
    logs: Path | None = None
    """The directory that the logs of the programs are copied to, or None."""

    def random(self, purpose: str) -> Random:
        return Random(f"{self.seed} {purpose}")  # noqa: S311 - repeatable, not secret


@frozen(kw_only=True)
class Report:
    """The result of one run."""

    title: str
    injector: FaultInjector
    ledger: Ledger
    verdict: Verdict
    exits: Sequence[str]
    """Exits of programs that no injected fault explains."""
    tracebacks: Sequence[str]
    """The names of logs that contain a traceback."""
    lost_leases: int
    refused_writes: int

    @property
    def problems(self) -> dict[str, Sequence[str]]:
        """Return all problems by kind. A good run has no problems of any kind."""
        return {
            **self.verdict.problems,
            "unexpected answers": self.ledger.unexpected,
            "failed visits": self.ledger.failed_visits,
            "unexpected exits": self.exits,
            "tracebacks": self.tracebacks,
        }

    @property
    def is_good(self) -> bool:
        """Return True if no problem was found."""
        return not any(self.problems.values())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the human-readable report."""
        ledger, verdict, counts = self.ledger, self.verdict, self.injector.counts
        kinds = ", ".join(f"{kind} {self.injector.count(kind)}" for kind in Kind)
        statuses = ", ".join(f"{status} {n}" for status, n in sorted(verdict.statuses.items()))
        problems = ", ".join(f"{name} {len(found)}" for name, found in self.problems.items())
        yield self.title
        yield f"  {kinds}"
        yield from (f"    {n:4} x {fault.name}" for fault, n in counts.most_common())
        yield f"  deployments {len(ledger.accepted)}: {statuses}"
        yield f"  taken over {verdict.taken_over}, given up after three workers {verdict.given_up}"
        yield f"  broken {len(ledger.broken)}, of these rolled back {verdict.rolled_back}"
        yield f"  lost leases {self.lost_leases}, refused writes {self.refused_writes}"
        yield (
            f"  answers 429 and 503 {ledger.refused}, unanswered {ledger.unanswered}; "
            f"visits {ledger.visits}"
        )
        yield f"  {problems}"
        for name, found in self.problems.items():
            yield from (f"    {name}: {sentence}" for sentence in found[:_MAX_SENTENCES])


async def run(database: Database, plan: Plan) -> Report:
    """Deploy to a new cluster and visit it while faults are injected, and return a report."""
    ledger = Ledger(plan.deployments)
    async with (
        open_cluster(database) as cluster,
        Users.sign_up(cluster, ledger, plan.random("people")) as users,
    ):
        injector = FaultInjector(cluster, plan.random("faults"))
        try:
            async with users.visit():
                await _deploy_with_faults(users, injector, plan)
            verdict = await reach_verdict(cluster, users)
        finally:
            if plan.logs is not None:
                _keep_logs(cluster, plan.logs / database)
        return Report(
            title=f"{database}, seed {plan.seed}",
            injector=injector,
            ledger=ledger,
            verdict=verdict,
            exits=_unexpected_exits(cluster),
            tracebacks=[log.name for log, text in cluster.logs.items() if "Traceback" in text],
            lost_leases=_count(cluster, _LOST_LEASES),
            refused_writes=_count(cluster, _REFUSED_WRITES),
        )


async def _deploy_with_faults(users: Users, injector: FaultInjector, plan: Plan) -> None:
    """Deploy while injecting faults, evenly distributed over the deployments."""

    async def pace(index: int) -> None:
        await users.pace(index * plan.deployments // (plan.faults + 1), _LONGEST_PAUSE)

    async with create_task_group() as tasks:
        tasks.start_soon(users.deploy)
        tasks.start_soon(injector.inject, plan.faults, pace)


def _count(cluster: Cluster, messages: Sequence[str]) -> int:
    return sum(text.count(message) for text in cluster.logs.values() for message in messages)


def _unexpected_exits(cluster: Cluster) -> Sequence[str]:
    return [
        f"{program.log.stem} with code {each.code}: {each.last_line}"
        for program in cluster.programs
        for each in program.exits
        if each.code not in _INJECTED_EXITS and not each.last_line.startswith(_REFUSALS_TO_START)
    ]


def _keep_logs(cluster: Cluster, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for log in cluster.logs:
        shutil.copy(log, directory)
