"""Finds problems after a run: lost, stuck, duplicate or orphaned deployments, and broken logs."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from anyio import move_on_after, sleep
from attrs import field, frozen
from tests.faults.harness.cluster import Cluster
from tests.faults.harness.users import Users
from tests.faults.served.resources import mismatches

from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.deployments.deployments import MAX_ATTEMPTS, Deployment
from pushpaka_core.domain.deployments.state_machine import FINAL, SERVING, DeploymentStatus
from pushpaka_core.domain.logs.logs import LogFilter

S = DeploymentStatus
_TRIED = f"The deployment was attempted {MAX_ATTEMPTS} times."
_RARELY = 20
"""Of this many deployments, one may fail because it lost three workers."""
_PATIENCE = 120
_ONCE = ("The health check passed", "The deployment receives traffic")
"""The timeline entries that a deployment must have at most once, even after several attempts."""


@frozen(kw_only=True)
class Record:
    """A deployment as it is stored, with its timeline and its log."""

    deployment: Deployment
    causes: Sequence[str]
    """The causes in the deployment's timeline."""
    line_numbers: Sequence[int]
    """The sequence numbers of the deployment's log lines."""

    @property
    def id(self) -> str:
        return str(self.deployment.id)

    @property
    def is_at_rest(self) -> bool:
        """Return True if the deployment is final, or active without draining."""
        draining = self.deployment.drain_until is not None
        return self.deployment.status in FINAL or (
            self.deployment.status in SERVING and not draining
        )

    @property
    def is_given_up(self) -> bool:
        """Return True if the deployment failed after three attempts, as documented."""
        error = self.deployment.error or ""
        return self.deployment.status is S.FAILED and error.endswith(_TRIED)

    @property
    def has_gap_in_log(self) -> bool:
        """
        Return True if a log line is missing between the first stored line and the last sequence
        number.
        """
        numbers, last = list(self.line_numbers), self.deployment.last_seq
        return numbers != list(range(last - len(numbers) + 1, last + 1))


@frozen(kw_only=True)
class Verdict:
    """The problems that were found, as sentences, and statistics."""

    lost: Sequence[str] = ()
    stuck: Sequence[str] = ()
    duplicates: Sequence[str] = ()
    orphaned: Sequence[str] = ()
    gaps: Sequence[str] = ()
    statuses: Mapping[str, int] = field(factory=dict)
    taken_over: int = 0
    given_up: int = 0
    rolled_back: int = 0

    @property
    def problems(self) -> Mapping[str, Sequence[str]]:
        """Return the problems by kind."""
        return {
            "lost": self.lost,
            "stuck": self.stuck,
            "doubled": self.duplicates,
            "orphaned": self.orphaned,
            "gaps in logs": self.gaps,
        }


async def reach_verdict(cluster: Cluster, users: Users) -> Verdict:
    """Wait up to two minutes for all deployments to finish, and return the broken promises."""
    accepted, broken = users.ledger.accepted, users.ledger.broken
    async with users.visit():
        records = await _records_at_rest(cluster, broken)
    unmatched = await _mismatches(cluster)
    doubles = unmatched.pop("doubles", set())
    answers = {owner.newest: await users.read(owner) for owner in users.owners if owner.newest}
    by_id = {record.id: record for record in records}
    return Verdict(
        lost=[
            *lost_deployments(accepted, by_id, broken),
            *excess_failures(records),
            *unserved_deployments(accepted, by_id, answers, broken),
        ],
        stuck=[_problem_line(r, "never came to rest") for r in records if not r.is_at_rest],
        duplicates=[
            *duplicates(accepted, records),
            *(f"{place} is served twice" for place in doubles),
        ],
        orphaned=[f"{kind}: {name}" for kind, names in unmatched.items() for name in names],
        gaps=[
            _problem_line(record, "has a gap in its log")
            for record in records
            if record.has_gap_in_log
        ],
        statuses=Counter(str(record.deployment.status) for record in records),
        taken_over=sum(record.deployment.fence > 1 for record in records),
        given_up=sum(record.is_given_up for record in records),
        rolled_back=sum(record.deployment.is_rolled_back for record in records),
    )


def lost_deployments(
    accepted_ids: Iterable[str], records: Mapping[str, Record], broken_ids: Collection[str] = ()
) -> Iterator[str]:
    """Yield accepted deployments that are missing, or that ended without a known reason."""
    for one in accepted_ids:
        if one not in records:
            yield f"{one} is missing"
        elif records[one].deployment.status is S.CANCELLED:
            yield _problem_line(records[one], "is cancelled, and nobody asked for that")
        elif one in broken_ids and records[one].deployment.is_rolled_back:
            continue
        elif records[one].deployment.status is S.FAILED and not records[one].is_given_up:
            yield _problem_line(records[one], f"failed: {records[one].deployment.error}")


def excess_failures(records: Sequence[Record]) -> Iterator[str]:
    """Yield the deployments that lost three workers, if there are more than one in `_RARELY`."""
    given_up = [record for record in records if record.is_given_up]
    if len(given_up) > max(1, len(records) // _RARELY):
        yield from (
            _problem_line(record, "is one of too many that were given up") for record in given_up
        )


def unserved_deployments(
    versions: Mapping[str, str],
    records: Mapping[str, Record],
    responses: Mapping[str, str],
    broken: Collection[str] = (),
) -> Iterator[str]:
    """Yield each newest deployment that is not served, or, if it is broken, was not rolled back."""
    for newest, answer in responses.items():
        record = records.get(newest)
        if record is None or record.is_given_up:
            continue
        if newest in broken:
            if not record.deployment.is_rolled_back:
                yield _problem_line(
                    record, f"is broken, was not rolled back, and answers {answer[:200]!r}"
                )
            elif answer not in versions.values():
                yield _problem_line(
                    record, f"was rolled back, and its target answers {answer[:200]!r}"
                )
        elif record.deployment.status is not S.RUNNING:
            yield _problem_line(record, f"is the newest, and {record.deployment.status}")
        elif answer != versions[newest]:
            yield _problem_line(record, f"answers {answer[:200]!r} instead of {versions[newest]!r}")


def duplicates(accepted_ids: Iterable[str], records: Iterable[Record]) -> Iterator[str]:
    """Yield deployments that no user requested, and steps that a deployment took twice."""
    asked = set(accepted_ids)
    for record in records:
        if record.id not in asked:
            yield _problem_line(record, "was requested once, and is there twice")
        times = Counter(record.causes)
        for cause in _ONCE:
            if times[cause] > 1:
                yield _problem_line(record, f"did this {times[cause]} times: {cause}")


def _problem_line(record: Record, problem: str) -> str:
    deployment = record.deployment
    return (
        f"{record.id} of {deployment.slug} (fence {deployment.fence}, {deployment.status}, "
        f"{deployment.phase}) {problem}"
    )


async def _records_at_rest(cluster: Cluster, broken_ids: Collection[str]) -> Sequence[Record]:
    """
    Wait until all deployments are at rest and no broken one is active. Return the records.

    After `_PATIENCE` seconds, return the records as they are.
    """
    with move_on_after(_PATIENCE):
        while True:
            records = await _records(cluster)
            serving = {r.id for r in records if r.deployment.status in SERVING}
            if all(record.is_at_rest for record in records) and not serving & set(broken_ids):
                return records
            await sleep(1)
    return await _records(cluster)


async def _mismatches(cluster: Cluster) -> dict[str, set[str]]:
    left = await mismatches(cluster.served_instance)
    with move_on_after(_PATIENCE):
        while left:
            await sleep(1)
            left = await mismatches(cluster.served_instance)
    return left


async def _records(cluster: Cluster) -> Sequence[Record]:
    async with (
        open_storage(cluster.database_url, migrate=False) as storage,
        storage.snapshot() as uow,
    ):
        return [
            Record(
                deployment=one,
                causes=[step.cause for step in await uow.timeline_events.of_deployment(one)],
                line_numbers=[line.seq for line in await uow.logs.lines(one, LogFilter())],
            )
            for one in await uow.deployments.all(list(S))
        ]
