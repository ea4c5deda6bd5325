"""The loop of the worker: claims, heartbeats, and all ways in which the work on a job ends."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import pytest
from anyio import Event, create_task_group, move_on_after
from attrs import define, evolve, field
from tests.platform_fixtures import FAST, PORTS, Platform, open_platform, wait_until_logged

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage, MemoryUnitOfWork
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.platform.failpoints import COMMIT, DEPLOYMENT_FAILPOINTS, SWITCHED
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import BuildError, ConflictError
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.logs import log_writer

pytestmark = pytest.mark.anyio

S = DeploymentStatus
A_MINUTE = timedelta(minutes=1)
SLOW = evolve(
    FAST, poll_interval=A_MINUTE, heartbeat_interval=A_MINUTE, heartbeat_timeout=2 * A_MINUTE
)
"""Intervals longer than any test, so that a worker can react only to hints and messages."""


def has_ended(deployment: Deployment) -> bool:
    return deployment.is_final or deployment.status is S.RUNNING


def hang_in_source(platform: Platform) -> None:
    platform.source.is_hanging = True


def hang_in_build(platform: Platform) -> None:
    platform.builder.is_hanging = True


def hang_in_release(platform: Platform) -> None:
    platform.commit(Procfile="web: ./serve\nrelease: ./migrate\n")
    platform.runtime.is_hanging = True


def hang_in_start(platform: Platform) -> None:
    platform.prober.failures = dict.fromkeys(PORTS, "it answered with status 503")


def stop_hanging(platform: Platform) -> None:
    """Let the hanging adapters continue."""
    platform.source.is_hanging = platform.builder.is_hanging = platform.runtime.is_hanging = False
    platform.prober.failures = {}


PHASES = [
    pytest.param(hang_in_source, Phase.SOURCE, id="source"),
    pytest.param(hang_in_build, Phase.BUILD, id="build"),
    pytest.param(hang_in_release, Phase.RELEASE, id="release"),
    pytest.param(hang_in_start, Phase.START, id="start"),
]
Hang = Callable[[Platform], None]


@define
class CommitHookStorage(MemoryStorage):
    """A storage that calls a function right after a commit, before the caller continues."""

    _alarm: tuple[int, Callable[[], None]] | None = field(default=None, init=False)

    def call_after(self, commits: int, callback: Callable[[], None]) -> None:
        """Call *callback* once, right after the given number of further commits."""
        self._alarm = commits, callback

    @property
    def is_armed(self) -> bool:
        """Return True if a callback is waiting to be called."""
        return self._alarm is not None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Open a transaction, and call the callback after its commit if it is due."""
        async with MemoryStorage.transaction(self) as uow:
            yield uow
        match self._alarm:
            case (1, callback):
                self._alarm = None
                callback()
            case (left, callback):
                self._alarm = left - 1, callback


class TestWork:
    async def test_work_starts_at_a_hint(self, platform: Platform, shop: Project) -> None:
        async with background_task(platform.worker(timeouts=SLOW).run):
            queued = await platform.enqueue(shop)

            assert S.RUNNING is (await platform.wait_until(queued.id, has_ended)).status

    async def test_work_starts_without_a_hint_after_the_poll_interval(
        self, platform: Platform, shop: Project
    ) -> None:
        queued = await platform.enqueue(shop)
        await platform.queue.wait(timedelta(seconds=1))

        async with background_task(platform.worker().run):
            assert S.RUNNING is (await platform.wait_until(queued.id, has_ended)).status

    async def test_several_jobs_run_concurrently(self, platform: Platform) -> None:
        platform.builder.is_hanging = True
        queued = [await platform.enqueue(await platform.project(f"shop {n}")) for n in range(3)]

        async with background_task(platform.worker().run):
            for deployment in queued[:2]:
                await platform.wait_until(deployment.id, lambda d: d.phase is Phase.BUILD)

            assert S.QUEUED is (await platform.stored_deployment(queued[2].id)).status

    async def test_worker_continues_after_a_failure(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.builder.failure = BuildError("`make` exited with code 2.")
        async with background_task(platform.worker().run):
            failed = [(await _final_deployment(platform, shop)).status for _ in range(3)]
            platform.builder.failure = None

            assert [S.FAILED] * 3 == failed
            assert S.RUNNING is (await _final_deployment(platform, shop)).status

    async def test_interrupted_job_is_retried_and_then_fails(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.builder.failure = ConflictError("Nobody expected this.")

        async with background_task(platform.worker().run):
            failed = await _final_deployment(platform, shop)

        assert "The work was interrupted. The deployment was attempted 3 times." == failed.error
        assert 3 == len(platform.builder.requests)
        assert await platform.is_cleaned_up()

    async def test_two_workers_run_each_job_once(self, platform: Platform) -> None:
        async with create_task_group() as tasks:
            for name in ("worker-1", "worker-2"):
                tasks.start_soon(platform.worker(name).run)
            queued = [await platform.enqueue(await platform.project(f"app {n}")) for n in range(10)]
            for deployment in queued:
                await platform.wait_until(deployment.id, has_ended)
            tasks.cancel_scope.cancel()

        assert [1] * 10 == [(await platform.stored_deployment(d.id)).fence for d in queued]
        assert 10 == len(platform.builder.requests) == len(platform.runtime.running)

    @pytest.mark.parametrize("is_healthy", [True, False])
    async def test_next_job_starts_when_the_previous_one_ends(
        self, platform: Platform, shop: Project, *, is_healthy: bool
    ) -> None:
        hang_in_start(platform)
        first = await platform.enqueue(shop)
        async with background_task(platform.worker(timeouts=SLOW).run):
            await platform.wait_until(first.id, lambda d: d.phase is Phase.START)
            second = await platform.enqueue(shop)
            stop_hanging(platform)
            if not is_healthy:
                await platform.application.deployments.cancel(platform.owner, first.id)

            await platform.wait_until(second.id, has_ended)

        assert (S.RUNNING if is_healthy else S.CANCELLED) is await platform.status(first.id)

    @pytest.mark.parametrize("step", DEPLOYMENT_FAILPOINTS)
    async def test_job_that_fails_at_a_failpoint_completes_once(
        self, platform: Platform, shop: Project, step: str
    ) -> None:
        platform.commit(Procfile="web: ./serve\nrelease: ./migrate\n")
        platform.failpoints.errors = {step: RuntimeError("Nobody expected this.")}
        queued = await platform.enqueue(shop)
        async with background_task(platform.worker().run):
            await platform.wait_until(queued.id, lambda d: d.is_committed or d.is_final)
            platform.failpoints.errors = {}
            await platform.worker_services.reconciler.finish_cutovers()
            ended = await platform.wait_until(queued.id, has_ended)

        is_after_commit = step in (COMMIT, SWITCHED)
        assert (S.RUNNING if is_after_commit else S.FAILED) is ended.status
        await platform.worker_services.garbage_collector.collect()
        assert await platform.is_cleaned_up()

    async def test_worker_continues_when_the_storage_recovers(
        self, platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
    ) -> None:
        queued = await platform.enqueue(shop)
        platform.storage.fail()
        async with background_task(platform.worker().run):
            await wait_until_logged(caplog, "Deployments cannot be claimed")
            platform.storage.recover()

            assert S.RUNNING is (await platform.wait_until(queued.id, has_ended)).status


class TestCancellation:
    @pytest.mark.parametrize(("hang", "phase"), PHASES)
    async def test_cancellation_ends_the_job_in_any_phase(
        self, platform: Platform, shop: Project, hang: Hang, phase: Phase
    ) -> None:
        old = await platform.deploy(shop)
        hang(platform)
        queued = await platform.enqueue(shop)

        async with background_task(platform.worker(timeouts=SLOW).run):
            await platform.wait_until(queued.id, lambda d: d.phase is phase)
            await platform.application.deployments.cancel(platform.owner, queued.id)
            cancelled = await platform.wait_until(queued.id, has_ended)

        assert S.CANCELLED is cancelled.status
        assert old == await platform.stored_deployment(old.id)
        await platform.worker_services.garbage_collector.collect()
        assert await platform.is_cleaned_up()
        assert 1 == len(platform.runtime.running)

    async def test_cancellation_is_also_noticed_by_the_heartbeat(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.builder.is_hanging = True
        queued = await platform.enqueue(shop)
        async with background_task(platform.worker().run):
            await platform.wait_until(queued.id, lambda d: d.phase is Phase.BUILD)
            await platform.overwrite(queued.id, cancel_requested_at=platform.clock.now)

            assert S.CANCELLED is (await platform.wait_until(queued.id, has_ended)).status

    async def test_cancellation_at_any_moment_is_applied_or_rejected(self) -> None:
        accepted = []
        for moment in count(1):
            async with open_platform(storage := CommitHookStorage()) as platform:
                queued = await platform.enqueue(await platform.project())
                moment_has_come = Event()
                storage.call_after(moment, moment_has_come.set)
                async with background_task(platform.worker(timeouts=SLOW).run):
                    with move_on_after(5):
                        await moment_has_come.wait()
                    if not moment_has_come.is_set():
                        break
                    accepted.append(await _cancel(platform, queued))
                    ended = await platform.wait_until(queued.id, has_ended)

                assert (S.CANCELLED if accepted[-1] else S.RUNNING) is ended.status
                assert (not accepted[-1]) is bool(platform.runtime.running)

        assert [True, False] == [accepted[0], accepted[-1]]


class TestShutdown:
    @pytest.mark.parametrize(("hang", "phase"), PHASES)
    async def test_shutdown_returns_the_job_to_the_queue_in_any_phase(
        self, platform: Platform, shop: Project, hang: Hang, phase: Phase
    ) -> None:
        hang(platform)
        queued = await platform.enqueue(shop)
        async with background_task(platform.worker().run):
            await platform.wait_until(queued.id, lambda d: d.phase is phase)

        waiting = await platform.stored_deployment(queued.id)
        found = (waiting.status, waiting.attempts, waiting.phase, waiting.worker)
        assert (S.QUEUED, 0, None, None) == found
        assert {} == platform.runtime.running
        assert "The worker was shut down" == (await platform.causes(queued.id))[-1]
        stop_hanging(platform)
        assert S.RUNNING is (await platform.work()).status

    async def test_shutdown_at_any_moment_leaves_a_job_queued_or_committed(self) -> None:
        found = []
        for moment in count(1):
            async with open_platform(storage := CommitHookStorage()) as platform:
                queued = await platform.enqueue(await platform.project())
                async with create_task_group() as tasks:
                    storage.call_after(moment, tasks.cancel_scope.cancel)
                    tasks.start_soon(platform.worker(timeouts=SLOW).run)
                    await platform.wait_until(queued.id, has_ended)
                    tasks.cancel_scope.cancel()
                if storage.is_armed:
                    break
                left = await platform.stored_deployment(queued.id)
                await platform.worker_services.reconciler.finish_cutovers()
                await platform.worker_services.garbage_collector.collect()

                found.append((left.status, left.phase))
                assert left.status is not S.QUEUED or left.attempts == 0
                assert left.is_committed is bool(platform.runtime.running)
                assert await platform.is_cleaned_up()

        assert [(S.QUEUED, None), (S.DEPLOYING, Phase.SWITCH), (S.RUNNING, Phase.RUN)] == list(
            dict.fromkeys(found)
        )


class TestALostLease:
    @pytest.mark.parametrize(("hang", "phase"), PHASES)
    async def test_lost_lease_ends_the_job(
        self, platform: Platform, shop: Project, hang: Hang, phase: Phase
    ) -> None:
        hang(platform)
        queued = await platform.enqueue(shop)
        async with background_task(platform.worker().run):
            await platform.wait_until(queued.id, lambda d: d.phase is phase)
            lease = (await platform.stored_deployment(queued.id)).lease
            stop_hanging(platform)
            await platform.worker_services.reconciler.requeue(lease)
            running = await platform.wait_until(queued.id, has_ended)

        assert (S.RUNNING, lease.fence + 1) == (running.status, running.fence)
        assert [running.fence] == [i.fence for i in await platform.instances()]
        await platform.worker_services.garbage_collector.collect()
        assert await platform.is_cleaned_up()

    async def test_storage_outage_ends_in_a_lost_lease(
        self,
        platform: Platform,
        shop: Project,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(log_writer, "LAST_FLUSH_SECONDS", 0.05)
        hang_in_start(platform)
        queued = await platform.enqueue(shop)
        async with (
            background_task(platform.worker().run),
            background_task(platform.reconciler().run),
        ):
            await platform.wait_until(queued.id, lambda d: d.phase is Phase.START)
            platform.storage.fail()
            await wait_until_logged(caplog, "cannot be cleaned up yet")
            stop_hanging(platform)
            platform.storage.recover()
            running = await platform.wait_until(queued.id, has_ended)

        assert (S.RUNNING, 2) == (running.status, running.fence)
        await platform.take_node()
        await platform.worker_services.garbage_collector.collect()
        assert await platform.is_cleaned_up()


async def test_a_router_outage_does_not_block_the_worker(platform: Platform) -> None:
    platform.router.fail()
    queued = [await platform.enqueue(await platform.project(f"app {n}")) for n in range(4)]
    async with background_task(platform.worker().run):
        for deployment in queued:
            await platform.wait_until(deployment.id, lambda d: d.phase is Phase.SWITCH)
        platform.router.recover()
        await platform.worker_services.reconciler.finish_cutovers()

    assert [S.RUNNING] * 4 == [await platform.status(d.id) for d in queued]


async def _final_deployment(platform: Platform, project: Project) -> Deployment:
    return await platform.wait_until((await platform.enqueue(project)).id, has_ended)


async def _cancel(platform: Platform, deployment: Deployment) -> bool:
    """Request to cancel a deployment, and return True if the request is accepted."""
    try:
        await platform.application.deployments.cancel(platform.owner, deployment.id)
    except ConflictError:
        return False
    return True
