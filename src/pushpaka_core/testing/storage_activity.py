"""What every storage must tell of all deployments in numbers, as tests."""

from datetime import UTC, date, datetime, timedelta

from pushpaka_core.domain.activity import Queue, Spread
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import DeploymentKind
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_deployment, later

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


class ActivityNumbersContract:
    """The promises of the port `ActivityNumbers`."""

    async def test_the_queue_is_what_waits_and_what_is_in_work(self, storage: Storage) -> None:
        """Of all projects, with the time since which the first one waits."""
        for number, status in enumerate(DeploymentStatus):
            project = await keep_project(storage)
            first = a_deployment(project, status=status, created_at=later(number))
            other = a_deployment(project, status=status, created_at=later(9), target="preview:next")
            await keep(storage, other, first)

        async with storage.snapshot() as uow:
            assert (
                Queue(waiting=2, in_work=4, oldest_waiting_since=later(0))
                == await uow.activity.queue()
            )

    async def test_an_empty_queue_has_no_age(self, storage: Storage) -> None:
        """Where nothing waits there is no first one."""
        async with storage.snapshot() as uow:
            assert (
                Queue(waiting=0, in_work=0, oldest_waiting_since=None) == await uow.activity.queue()
            )

    async def test_deployments_are_counted_by_the_days_of_utc(self, storage: Storage) -> None:
        """A day begins at midnight, and what was before the first one is not counted."""
        project = await keep_project(storage)
        times = {
            FIRST: [MIDNIGHT - timedelta(days=1), MIDNIGHT - MOMENT],
            SECOND: [MIDNIGHT, MIDNIGHT + timedelta(hours=23)],
        }
        since, failed = times[FIRST][0], DeploymentStatus.FAILED
        await keep(storage, a_deployment(project, created_at=since - MOMENT))
        for each in (*times[FIRST], *times[SECOND]):
            await keep(storage, a_deployment(project, status=failed, created_at=each))
        await keep(storage, a_deployment(project, created_at=MIDNIGHT))

        async with storage.snapshot() as uow:
            assert {
                (FIRST, failed): 2,
                (SECOND, failed): 2,
                (SECOND, DeploymentStatus.QUEUED): 1,
            } == await uow.activity.statuses(since)

    async def test_durations_are_of_what_was_built_and_has_run(self, storage: Storage) -> None:
        """A median and a 95th percentile for each day, which are durations that there were."""
        project = await keep_project(storage)

        async def took(milliseconds: int, at: datetime, **more: object) -> None:
            started = at + timedelta(seconds=5)
            finished = started + timedelta(milliseconds=milliseconds)
            fields = {"status": DeploymentStatus.STOPPED, **more}
            await keep(
                storage,
                a_deployment(
                    project, created_at=at, started_at=started, finished_at=finished, **fields
                ),
            )

        for milliseconds in range(40, 0, -1):
            await took(milliseconds * 1001, MIDNIGHT)
        await took(7, MIDNIGHT - MOMENT, status=DeploymentStatus.CRASHED)
        await took(8, MIDNIGHT - MOMENT, status=DeploymentStatus.RUNNING)
        await took(1, MIDNIGHT, status=DeploymentStatus.FAILED)
        await took(1, MIDNIGHT, kind=DeploymentKind.ROLLBACK)
        await took(1, MIDNIGHT - timedelta(days=2))

        async with storage.snapshot() as uow:
            assert {
                FIRST: _spread(7, 8),
                SECOND: _spread(20 * 1001, 38 * 1001),
            } == await uow.activity.durations(MIDNIGHT - timedelta(days=1))


def _spread(median: int, p95: int) -> Spread:
    return Spread(median=timedelta(milliseconds=median), p95=timedelta(milliseconds=p95))
