"""What has become of everything that was accepted: lost, stuck, doubled, orphaned, or all well."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from anyio import move_on_after, sleep
from attrs import field, frozen
from tests.faults.harness.crowd import Crowd
from tests.faults.harness.world import World
from tests.faults.served.holdings import amiss

from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.deployment_steps import FINAL, SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import MOST_ATTEMPTS, Deployment
from pushpaka_core.domain.logs import LogFilter

S = DeploymentStatus
_TRIED = f"It was tried {MOST_ATTEMPTS} times."
_SELDOM = 20
"""Of so many deployments not more than one may lose three workers."""
_PATIENCE = 120
_ONCE = ("It is healthy and takes over", "Requests go to it")
"""Steps that a deployment takes once, however often it is tried."""


@frozen(kw_only=True)
class Record:
    """All that is kept of one deployment."""

    deployment: Deployment
    causes: Sequence[str]
    """Of its steps."""
    line_numbers: Sequence[int]

    @property
    def id(self) -> str:
        return str(self.deployment.id)

    @property
    def is_at_rest(self) -> bool:
        """Tell whether nobody has anything to do for it."""
        draining = self.deployment.drain_until is not None
        return self.deployment.status in FINAL or (
            self.deployment.status in SERVING and not draining
        )

    @property
    def is_given_up(self) -> bool:
        """Tell whether it has failed as is promised: after so many lost workers."""
        error = self.deployment.error or ""
        return self.deployment.status is S.FAILED and error.endswith(_TRIED)


@frozen(kw_only=True)
class Verdict:
    """What is wrong, as sentences, and what is worth knowing."""

    lost: Sequence[str] = ()
    stuck: Sequence[str] = ()
    doubled: Sequence[str] = ()
    orphaned: Sequence[str] = ()
    torn: Sequence[str] = ()
    """Logs with a gap."""
    statuses: Mapping[str, int] = field(factory=dict)
    taken_over: int = 0
    given_up: int = 0

    @property
    def wrongs(self) -> Mapping[str, Sequence[str]]:
        """Return what there must be none of, by its name."""
        return {
            "lost": self.lost,
            "stuck": self.stuck,
            "doubled": self.doubled,
            "orphaned": self.orphaned,
            "gaps in logs": self.torn,
        }


async def judged(world: World, crowd: Crowd) -> Verdict:
    """Wait until all is at rest, or for long enough, and say what has become of it."""
    records = await _records_at_rest(world)
    untidy = await _untidy(world)
    doubles = untidy.pop("doubles", set())
    said = {owner.newest: await crowd.read(owner) for owner in crowd.owners if owner.newest}
    accepted = crowd.ledger.accepted
    by_id = {record.id: record for record in records}
    return Verdict(
        lost=[
            *lost(accepted, by_id),
            *too_often_given_up(records),
            *unserved(accepted, by_id, said),
        ],
        stuck=[_told(r, "never came to rest") for r in records if not r.is_at_rest],
        doubled=[*doubled(accepted, records), *(f"{place} is served twice" for place in doubles)],
        orphaned=[f"{kind}: {name}" for kind, names in untidy.items() for name in names],
        torn=[_told(record, "has a gap in its log") for record in records if is_torn(record)],
        statuses=Counter(str(record.deployment.status) for record in records),
        taken_over=sum(record.deployment.fence > 1 for record in records),
        given_up=sum(record.is_given_up for record in records),
    )


def lost(accepted: Iterable[str], by_id: Mapping[str, Record]) -> Iterator[str]:
    """Tell what was promised and is not there, or has failed though nothing was wrong with it."""
    for one in accepted:
        if one not in by_id:
            yield f"{one} is not there"
        elif by_id[one].deployment.status is S.CANCELLED:
            yield _told(by_id[one], "is cancelled, and nobody asked for that")
        elif by_id[one].deployment.status is S.FAILED and not by_id[one].is_given_up:
            yield _told(by_id[one], f"failed: {by_id[one].deployment.error}")


def too_often_given_up(records: Sequence[Record]) -> Iterator[str]:
    """Tell which were given up, if they are more than chance may bring about."""
    given_up = [record for record in records if record.is_given_up]
    if len(given_up) > max(1, len(records) // _SELDOM):
        yield from (_told(record, "is one of too many that were given up") for record in given_up)


def unserved(
    accepted: Mapping[str, str], by_id: Mapping[str, Record], said: Mapping[str, str]
) -> Iterator[str]:
    """Tell which applications do not answer as *said* has to be: by the version asked for last."""
    for newest, answer in said.items():
        record = by_id.get(newest)
        if record is None or record.is_given_up:
            continue
        if record.deployment.status is not S.RUNNING:
            yield _told(record, f"is the newest, and {record.deployment.status}")
        elif answer != accepted[newest]:
            yield _told(record, f"answers {answer[:200]!r} instead of {accepted[newest]!r}")


def doubled(accepted: Iterable[str], records: Iterable[Record]) -> Iterator[str]:
    """Tell what nobody asked for, and what was done more than once."""
    asked = set(accepted)
    for record in records:
        if record.id not in asked:
            yield _told(record, "was asked for once, and is there twice")
        times = Counter(record.causes)
        for cause in _ONCE:
            if times[cause] > 1:
                yield _told(record, f"did this {times[cause]} times: {cause}")


def is_torn(record: Record) -> bool:
    """Tell whether a log does not have each of its numbers once, in their order."""
    numbers, last = list(record.line_numbers), record.deployment.last_seq
    return numbers != list(range(last - len(numbers) + 1, last + 1))


def _told(record: Record, what: str) -> str:
    deployment = record.deployment
    return (
        f"{record.id} of {deployment.slug} (fence {deployment.fence}, {deployment.status}, "
        f"{deployment.phase}) {what}"
    )


async def _records_at_rest(world: World) -> Sequence[Record]:
    with move_on_after(_PATIENCE):
        while not all(record.is_at_rest for record in await _records(world)):
            await sleep(1)
    return await _records(world)


async def _untidy(world: World) -> dict[str, set[str]]:
    with move_on_after(_PATIENCE):
        while await amiss(world.served):
            await sleep(0.5)
    return await amiss(world.served)


async def _records(world: World) -> Sequence[Record]:
    async with open_storage(world.url, migrate=False) as storage, storage.snapshot() as uow:
        deployments = await uow.deployments.all(list(S))
        return [
            Record(
                deployment=one,
                causes=[step.cause for step in await uow.timeline.of_deployment(one)],
                line_numbers=[line.seq for line in await uow.logs.lines(one, LogFilter())],
            )
            for one in deployments
        ]
