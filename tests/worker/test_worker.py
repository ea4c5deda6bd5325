"""The worker's loop: claims, heartbeats, and every way to let go of a job."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import pytest
from anyio import Event, create_task_group, fail_after
from anyio.lowlevel import checkpoint
from attrs import define, evolve, field
from tests.services.platform import FAST, PORTS, Platform, open_platform, until_logged

from pushpaka_core.adapters.memory.storage import MemoryStorage, MemoryUnitOfWork
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.failpoints import COMMIT, STEPS_THAT_FAIL, SWITCHED
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import BuildError, ConflictError
from pushpaka_core.services import log_writing
from pushpaka_core.services.background import alongside

pytestmark = pytest.mark.anyio

S = DeploymentStatus
A_MINUTE = timedelta(minutes=1)
SLOW = evolve(FAST, poll=A_MINUTE, heartbeat=A_MINUTE, give_up=2 * A_MINUTE)
"""Only hints and messages are quick enough for a test."""


def ends(deployment: Deployment) -> bool:
    return deployment.is_final or deployment.status is S.RUNNING


def hang_in_source(platform: Platform) -> None:
    platform.source.is_hanging = True


def hang_in_build(platform: Platform) -> None:
    platform.builder.is_hanging = True


def hang_in_release(platform: Platform) -> None:
    platform.commit(Procfile="web: ./serve\nrelease: ./migrate\n")
    platform.runtime.is_hanging = True


def hang_in_start(platform: Platform) -> None:
    platform.prober.complaints = dict.fromkeys(PORTS, "it answered with status 503")


def go_on(platform: Platform) -> None:
    """Take back whatever hangs."""
    platform.source.is_hanging = platform.builder.is_hanging = platform.runtime.is_hanging = False
    platform.prober.complaints = {}


PHASES = [
    pytest.param(hang_in_source, Phase.SOURCE, id="source"),
    pytest.param(hang_in_build, Phase.BUILD, id="build"),
    pytest.param(hang_in_release, Phase.RELEASE, id="release"),
    pytest.param(hang_in_start, Phase.START, id="start"),
]
Hang = Callable[[Platform], None]


@define
class AlarmedStorage(MemoryStorage):
    """Calls somebody right after a commit, before whoever committed goes on."""

    _alarm: tuple[int, Callable[[], None]] | None = field(default=None, init=False)

    def set_alarm(self, commits: int, call: Callable[[], None]) -> None:
        """Call after that many commits."""
        self._alarm = commits, call

    @property
    def is_armed(self) -> bool:
        """Tell whether the alarm was not called yet."""
        return self._alarm is not None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Count the commits down."""
        async with MemoryStorage.transaction(self) as uow:
            yield uow
        match self._alarm:
            case (1, call):
                self._alarm = None
                call()
            case (left, call):
                self._alarm = left - 1, call


class TestWork:
    async def test_begins_at_a_hint(self, platform: Platform, shop: Project) -> None:
        """A worker that waits is woken by the next deployment, long before it would look."""
        async with alongside(platform.worker(timings=SLOW).run):
            queued = await platform.queued(shop)

            assert S.RUNNING is (await platform.until(queued.id, ends)).status

    async def test_begins_without_a_hint_a_little_later(
        self, platform: Platform, shop: Project
    ) -> None:
        """A hint that was lost costs one look at the queue."""
        queued = await platform.queued(shop)
        await platform.queue.wait(timedelta(seconds=1))

        async with alongside(platform.worker().run):
            assert S.RUNNING is (await platform.until(queued.id, ends)).status

    async def test_is_done_for_several_at_a_time(self, platform: Platform) -> None:
        """Two jobs are in work at once, a third one waits."""
        platform.builder.is_hanging = True
        queued = [await platform.queued(await platform.project(f"shop {n}")) for n in range(3)]

        async with alongside(platform.worker().run):
            for deployment in queued[:2]:
                await platform.until(deployment.id, lambda d: d.phase is Phase.BUILD)

            assert S.QUEUED is (await platform.row(queued[2].id)).status

    async def test_goes_on_after_a_failure(self, platform: Platform, shop: Project) -> None:
        """A job that fails gives its place to the next one."""
        platform.builder.failure = BuildError("`make` exited with code 2.")
        async with alongside(platform.worker().run):
            failed = [(await _ended(platform, shop)).status for _ in range(3)]
            platform.builder.failure = None

            assert [S.FAILED] * 3 == failed
            assert S.RUNNING is (await _ended(platform, shop)).status

    async def test_that_breaks_off_is_tried_again_and_then_fails(
        self, platform: Platform, shop: Project
    ) -> None:
        """A mistake of the program does not hold a deployment for ever, nor the worker."""
        platform.builder.failure = ConflictError("Nobody expected this.")

        async with alongside(platform.worker().run):
            failed = await _ended(platform, shop)

        assert "The work on it broke off. It was tried 3 times." == failed.error
        assert 3 == len(platform.builder.requests)
        assert await platform.is_tidy()

    async def test_of_two_workers_is_done_once(self, platform: Platform) -> None:
        """Two workers share the deployments of ten projects, and do none twice."""
        async with create_task_group() as tasks:
            for name in ("worker-1", "worker-2"):
                tasks.start_soon(platform.worker(name).run)
            queued = [await platform.queued(await platform.project(f"app {n}")) for n in range(10)]
            for deployment in queued:
                await platform.until(deployment.id, ends)
            tasks.cancel_scope.cancel()

        assert [1] * 10 == [(await platform.row(d.id)).fence for d in queued]
        assert 10 == len(platform.builder.requests) == len(platform.runtime.living)

    @pytest.mark.parametrize("is_healthy", [True, False])
    async def test_of_the_next_one_begins_when_the_one_before_ends(
        self, platform: Platform, shop: Project, *, is_healthy: bool
    ) -> None:
        """What waits for another deployment of its target does not wait for the next look."""
        hang_in_start(platform)
        first = await platform.queued(shop)
        async with alongside(platform.worker(timings=SLOW).run):
            await platform.until(first.id, lambda d: d.phase is Phase.START)
            second = await platform.queued(shop)
            go_on(platform)
            if not is_healthy:
                await platform.application.deployments.cancel(platform.owner, first.id)

            await platform.until(second.id, ends)

        assert (S.RUNNING if is_healthy else S.CANCELLED) is (await platform.row(first.id)).status

    @pytest.mark.parametrize("step", STEPS_THAT_FAIL)
    async def test_that_goes_wrong_at_a_failpoint_is_done_once_in_the_end(
        self, platform: Platform, shop: Project, step: str
    ) -> None:
        """Every step is a failpoint; what broke off there leaves nothing, and is finished later."""
        platform.commit(Procfile="web: ./serve\nrelease: ./migrate\n")
        platform.failpoints.errors = {step: RuntimeError("Nobody expected this.")}
        queued = await platform.queued(shop)
        async with alongside(platform.worker().run):
            await platform.until(queued.id, lambda d: d.is_committed or d.is_final)
            platform.failpoints.errors = {}
            await platform.engine.reconciliation.finish_switches()
            ended = await platform.until(queued.id, ends)

        is_after_commit = step in (COMMIT, SWITCHED)
        assert (S.RUNNING if is_after_commit else S.FAILED) is ended.status
        await platform.engine.sweeping.sweep()
        assert await platform.is_tidy()

    async def test_goes_on_when_the_storage_is_back(
        self, platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An outage while nothing is in work costs a moment only."""
        queued = await platform.queued(shop)
        platform.storage.fail()
        async with alongside(platform.worker().run):
            await until_logged(caplog, "nothing can be claimed")
            platform.storage.recover()

            assert S.RUNNING is (await platform.until(queued.id, ends)).status


class TestCancelling:
    @pytest.mark.parametrize(("hang", "phase"), PHASES)
    async def test_ends_the_job_in_any_phase(
        self, platform: Platform, shop: Project, hang: Hang, phase: Phase
    ) -> None:
        """It is over at once, the old one serves on, and nothing is left."""
        old = await platform.served(shop)
        hang(platform)
        queued = await platform.queued(shop)

        async with alongside(platform.worker(timings=SLOW).run):
            await platform.until(queued.id, lambda d: d.phase is phase)
            await platform.application.deployments.cancel(platform.owner, queued.id)
            cancelled = await platform.until(queued.id, ends)

        assert S.CANCELLED is cancelled.status
        assert old == await platform.row(old.id)
        await platform.engine.sweeping.sweep()
        assert await platform.is_tidy()
        assert 1 == len(platform.runtime.living)

    async def test_is_heard_from_a_heartbeat_too(self, platform: Platform, shop: Project) -> None:
        """Where the message is lost the next heartbeat tells."""
        platform.builder.is_hanging = True
        queued = await platform.queued(shop)
        async with alongside(platform.worker().run):
            await platform.until(queued.id, lambda d: d.phase is Phase.BUILD)
            await platform.kept(queued.id, cancel_requested_at=platform.clock.now)

            assert S.CANCELLED is (await platform.until(queued.id, ends)).status

    async def test_makes_way_for_the_rollback_that_asked_for_it(
        self, platform: Platform, shop: Project
    ) -> None:
        """A rollback supersedes what is in work, and then serves."""
        old = await platform.served(shop)
        await platform.served(shop)
        platform.builder.is_hanging = True
        queued = await platform.queued(shop)
        async with alongside(platform.worker(timings=SLOW).run):
            await platform.until(queued.id, lambda d: d.phase is Phase.BUILD)
            rollback = await platform.application.deployments.rollback(platform.owner, old.id)

            assert S.SUPERSEDED is (await platform.until(queued.id, ends)).status
            assert S.RUNNING is (await platform.until(rollback.id, ends)).status

    async def test_at_any_moment_is_kept_or_refused(self) -> None:
        """Who is told that it will end sees it end; who is told that it is too late sees it run."""
        accepted = []
        for moment in count(1):
            async with open_platform(storage := AlarmedStorage()) as platform:
                queued = await platform.queued(await platform.project())
                moment_has_come = Event()
                storage.set_alarm(moment, moment_has_come.set)
                async with alongside(platform.worker(timings=SLOW).run):
                    if await _ends_before(platform, queued, moment_has_come):
                        break
                    accepted.append(await _cancel(platform, queued))
                    ended = await platform.until(queued.id, ends)

                assert (S.CANCELLED if accepted[-1] else S.RUNNING) is ended.status
                assert (not accepted[-1]) is bool(platform.runtime.living)

        assert [True, False] == [accepted[0], accepted[-1]]


class TestShuttingDown:
    @pytest.mark.parametrize(("hang", "phase"), PHASES)
    async def test_hands_the_job_back_in_any_phase(
        self, platform: Platform, shop: Project, hang: Hang, phase: Phase
    ) -> None:
        """The deployment waits again, no attempt is counted, and nothing runs meanwhile."""
        hang(platform)
        queued = await platform.queued(shop)
        async with alongside(platform.worker().run):
            await platform.until(queued.id, lambda d: d.phase is phase)

        waiting = await platform.row(queued.id)
        assert (S.QUEUED, 0, None, None) == (
            waiting.status,
            waiting.attempts,
            waiting.phase,
            waiting.worker,
        )
        assert {} == platform.runtime.living
        assert "Its worker was shut down" == (await platform.causes(queued.id))[-1]
        go_on(platform)
        assert S.RUNNING is (await platform.work()).status

    async def test_at_any_moment_leaves_it_waiting_or_committed(self) -> None:
        """A claim is never forgotten, and what is committed is finished by the reconciler."""
        found = []
        for moment in count(1):
            async with open_platform(storage := AlarmedStorage()) as platform:
                queued = await platform.queued(await platform.project())
                async with create_task_group() as tasks:
                    storage.set_alarm(moment, tasks.cancel_scope.cancel)
                    tasks.start_soon(platform.worker(timings=SLOW).run)
                    await platform.until(queued.id, ends)
                    tasks.cancel_scope.cancel()
                if storage.is_armed:
                    break
                left = await platform.row(queued.id)
                await platform.engine.reconciliation.finish_switches()
                await platform.engine.sweeping.sweep()

                found.append((left.status, left.phase))
                assert left.status is not S.QUEUED or left.attempts == 0
                assert left.is_committed is bool(platform.runtime.living)
                assert await platform.is_tidy()

        assert [
            (S.QUEUED, None),
            (S.DEPLOYING, Phase.SWITCH),
            (S.RUNNING, Phase.RUN),
        ] == list(dict.fromkeys(found))


class TestALostLease:
    @pytest.mark.parametrize(("hang", "phase"), PHASES)
    async def test_ends_the_job(
        self, platform: Platform, shop: Project, hang: Hang, phase: Phase
    ) -> None:
        """A worker that hears of it from its heartbeat lets go, and the next claim is done."""
        hang(platform)
        queued = await platform.queued(shop)
        async with alongside(platform.worker().run):
            await platform.until(queued.id, lambda d: d.phase is phase)
            lease = (await platform.row(queued.id)).lease
            go_on(platform)
            await platform.engine.reconciliation.requeue(lease)
            running = await platform.until(queued.id, ends)

        assert (S.RUNNING, lease.fence + 1) == (running.status, running.fence)
        assert [running.fence] == [i.fence for i in await platform.instances()]
        await platform.engine.sweeping.sweep()
        assert await platform.is_tidy()

    async def test_is_what_an_outage_of_the_storage_comes_to(
        self,
        platform: Platform,
        shop: Project,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Who cannot show that it lives ends its own job; another attempt follows the outage."""
        monkeypatch.setattr(log_writing, "LAST_FLUSH_SECONDS", 0.05)
        hang_in_start(platform)
        queued = await platform.queued(shop)
        async with alongside(platform.worker().run), alongside(platform.reconciler().run):
            await platform.until(queued.id, lambda d: d.phase is Phase.START)
            platform.storage.fail()
            await until_logged(caplog, "cannot be let go")
            go_on(platform)
            platform.storage.recover()
            running = await platform.until(queued.id, ends)

        assert (S.RUNNING, 2) == (running.status, running.fence)
        await platform.take_node()
        await platform.engine.sweeping.sweep()
        assert await platform.is_tidy()


async def test_a_router_outage_leaves_the_worker_free(platform: Platform) -> None:
    """What cannot be routed waits for the reconciler, and other jobs go on."""
    platform.router.fail()
    queued = [await platform.queued(await platform.project(f"app {n}")) for n in range(4)]
    async with alongside(platform.worker().run):
        for deployment in queued:
            await platform.until(deployment.id, lambda d: d.phase is Phase.SWITCH)
        platform.router.recover()
        await platform.engine.reconciliation.finish_switches()

    assert [S.RUNNING] * 4 == [(await platform.row(d.id)).status for d in queued]


async def _ended(platform: Platform, project: Project) -> Deployment:
    return await platform.until((await platform.queued(project)).id, ends)


async def _cancel(platform: Platform, deployment: Deployment) -> bool:
    """Tell whether the platform promises to cancel it."""
    try:
        await platform.application.deployments.cancel(platform.owner, deployment.id)
    except ConflictError:
        return False
    return True


async def _ends_before(platform: Platform, deployment: Deployment, moment: Event) -> bool:
    """Wait until the deployment ends or the moment comes, and tell whether it did not come."""
    with fail_after(5):
        while not moment.is_set() and not ends(await platform.row(deployment.id)):
            await checkpoint()
    return not moment.is_set()
