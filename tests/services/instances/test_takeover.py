"""Releases of which only one instance can run: requests are held while it is replaced."""

from collections.abc import Sequence
from typing import Any

import pytest
from anyio import create_task_group, fail_after, sleep, wait_all_tasks_blocked
from attrs import evolve
from tests.platform_fixtures import FAST, Platform

from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind, Lease
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.instances.instances import InstanceState
from pushpaka_core.domain.platform.failpoints import DEPLOYMENT_FAILPOINTS, HELD, VACATED
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import NewVolume, Volume, VolumeChanges
from pushpaka_core.errors import PlatformFaultError, StaleEntityError, SupersededError
from pushpaka_core.ports.router import Route
from pushpaka_core.ports.runtime import StartRequest

pytestmark = pytest.mark.anyio

S = DeploymentStatus
HOST = "shop.localhost"
HOLD = FAST.hold_time
STEPS = (*DEPLOYMENT_FAILPOINTS[3:], HELD, VACATED)
"""The failpoints after the build."""
WITH_RELEASE_COMMAND = {"Procfile": "web: ./serve\nrelease: ./migrate\n"}


@pytest.fixture(autouse=True)
def writers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of running programs after each start."""
    counts: list[int] = []
    start, run_once = MemoryRuntime.start, MemoryRuntime.run_once

    async def counted_start(runtime: MemoryRuntime, request: StartRequest, /) -> None:
        await start(runtime, request)
        counts.append(len(runtime.running))

    async def counted_run(runtime: MemoryRuntime, *args: Any, **kwargs: Any) -> Any:
        counts.append(len(runtime.running) + 1)
        return await run_once(runtime, *args, **kwargs)

    monkeypatch.setattr(MemoryRuntime, "start", counted_start)
    monkeypatch.setattr(MemoryRuntime, "run_once", counted_run)
    return counts


@pytest.fixture
async def volume(platform: Platform) -> Volume:
    """Return a volume that one instance can use, of the project `shop`."""
    project = await platform.project("shop")
    new = NewVolume(project_id=project.id, name="data", mount_path="data")
    return await platform.application.volumes.create(platform.owner, new)


@pytest.fixture
async def shop(platform: Platform, volume: Volume) -> Project:
    """Return a project of which only one instance can run."""
    assert volume.project_id is not None
    return (await platform.application.projects.get(platform.owner, volume.project_id)).project


@pytest.fixture
async def old(platform: Platform, shop: Project) -> Deployment:
    """Return the active deployment of `shop`."""
    return await platform.deploy(shop)


async def run(platform: Platform, lease: Lease) -> None:
    """Run a claimed deployment to completion, like a worker that cleans nothing up."""
    if await platform.worker_services.pipeline.prepare(lease):
        await platform.worker_services.pipeline.finish(lease)


async def reconcile(platform: Platform, times: int = 3) -> None:
    """Run rounds of the reconciler, as they happen within some seconds."""
    services = platform.worker_services
    for _ in range(times):
        await services.reconciler.finish_cutovers()
        await services.rolling_restart.advance()
        await services.instance_supervisor.check_all()
        await services.reconciler.repair_routes()


def route(platform: Platform) -> Route:
    """Return the route of `shop`, as last applied to the router."""
    (found,) = (each for each in platform.router.routes if HOST in each.hosts)
    return found


def holds(platform: Platform) -> Sequence[bool]:
    """Return whether requests were held, for each change of that."""
    held = [
        each.held_until is not None
        for table in platform.router.history
        for each in table.routes
        if HOST in each.hosts
    ]
    return [is_held for n, is_held in enumerate(held) if n == 0 or is_held != held[n - 1]]


async def wait_until_held(platform: Platform) -> None:
    """Wait until requests are held, and all tasks wait for something."""
    with fail_after(60):
        while route(platform).held_until is None:
            await sleep(0.01)
    await wait_all_tasks_blocked()


async def change_access(platform: Platform, volume: Volume, access: VolumeAccess) -> None:
    """Change the access of the volume for the next deployment."""
    changes = VolumeChanges(access=access)
    await platform.application.volumes.change(platform.owner, volume.id, changes)


async def crash_twice(platform: Platform, deployment: Deployment) -> None:
    """Let the only instance of *deployment* crash twice, which causes a rollback."""
    for _ in range(2):
        platform.runtime.crash((await platform.instance(deployment.id)).name)
        await platform.worker_services.instance_supervisor.check_all()
        if S.FAILED is not await platform.status(deployment.id):
            await reconcile(platform)


async def target(platform: Platform, deployment: Deployment) -> Target:
    async with platform.storage.snapshot() as uow:
        found = await uow.targets.of_deployment(deployment)
    assert found is not None
    return found


async def only_instance_serves(platform: Platform, deployment: Deployment) -> bool:
    """Return True if one instance runs, of *deployment*, and gets the requests."""
    instances = await platform.instances()
    (request,) = platform.runtime.running.values()
    assert [request.instance.id] == [instance.id for instance in instances]
    return (
        request.instance.deployment_id == deployment.id
        and route(platform).held_until is None
        and platform.routes()[HOST] == (request.instance.port,)
    )


class TestADeployment:
    async def test_old_instance_stops_before_the_new_one_starts(
        self, platform: Platform, shop: Project, old: Deployment, writers: list[int]
    ) -> None:
        """Requests are held from before the stop until after the health check."""
        platform.commit(**WITH_RELEASE_COMMAND)

        new = await platform.deploy(shop)

        assert S.RUNNING is new.status
        assert await only_instance_serves(platform, new)
        assert [False, True, False] == holds(platform)
        assert {1} == set(writers)
        platform.clock.advance(60)
        await platform.worker_services.reconciler.stop_drained()
        assert S.STOPPED is await platform.status(old.id)
        assert await platform.is_cleaned_up()

    async def test_first_deployment_and_stopped_project_need_no_hold(
        self, platform: Platform, shop: Project, old: Deployment
    ) -> None:
        await platform.application.active_deployments.stop(platform.owner, old.id)
        await platform.worker_services.reconciler.stop_drained()
        await platform.application.active_deployments.start(platform.owner, shop.id)

        assert S.RUNNING is (await platform.work()).status

        assert [False] == holds(platform)

    async def test_open_requests_finish_before_the_stop(
        self, platform: Platform, shop: Project, old: Deployment
    ) -> None:
        (port,) = platform.routes()[HOST]
        platform.router.connections[port] = 1
        queued = await platform.enqueue(shop)

        async with create_task_group() as tasks:
            tasks.start_soon(platform.work)
            await wait_until_held(platform)
            (waiting,) = platform.runtime.running.values()
            platform.router.connections.clear()

        assert old.id == waiting.instance.deployment_id
        assert S.RUNNING is await platform.status(queued.id)

    @pytest.mark.usefixtures("old")
    async def test_request_that_never_ends_delays_the_stop_for_10_s(
        self, platform: Platform, shop: Project
    ) -> None:
        (port,) = platform.routes()[HOST]
        platform.router.connections[port] = 1

        with fail_after(FAST.hold_drain_time.total_seconds() + 5):
            new = await platform.deploy(shop)

        assert await only_instance_serves(platform, new)

    @pytest.mark.parametrize("fault", [{"early_exit": "exited with code 1"}, {}])
    async def test_old_release_returns_if_the_new_one_fails(
        self,
        platform: Platform,
        shop: Project,
        old: Deployment,
        writers: list[int],
        fault: dict[str, object],
    ) -> None:
        """It gets the held requests. It did not crash, and nobody is told that it did."""
        before = await platform.instance(old.id)
        await platform.enqueue(shop)
        for name, value in fault.items():
            setattr(platform.runtime, name, value)
        if not fault:
            platform.runtime.failure = PlatformFaultError("No memory is left.")
        ended = await platform.work()
        is_held = route(platform).held_until
        platform.runtime.early_exit = platform.runtime.failure = None

        assert (S.FAILED if fault else S.QUEUED) is ended.status
        assert platform.clock.now + HOLD == is_held
        statuses = []
        for _ in range(3):
            await reconcile(platform, times=1)
            statuses.append(await platform.status(old.id))

        assert {S.RUNNING} == set(statuses)
        assert await only_instance_serves(platform, old)
        assert before.id != (await platform.instance(old.id)).id
        assert [False, True, False] == holds(platform)
        assert {1} >= set(writers) - {0}

    async def test_release_without_a_volume_returns_with_all_its_replicas(
        self, platform: Platform
    ) -> None:
        """The release before the first volume has several replicas."""
        project = await platform.project("shop")
        platform.commit(**{"pushpaka.toml": "replicas = 3\n"})
        old = await platform.deploy(project)
        platform.commit(**{"pushpaka.toml": '[volumes.data]\npath = "data"\n'})
        await platform.enqueue(project)
        platform.runtime.early_exit = "exited with code 1"
        await platform.work()
        platform.runtime.early_exit = None

        await reconcile(platform)

        assert 3 == len(platform.routes()[HOST])
        assert 3 == len(await platform.instances(old.id))

    async def test_outdated_deployment_stops_nothing(
        self, platform: Platform, shop: Project, old: Deployment
    ) -> None:
        lease = await platform.begin(shop)
        older = evolve(await platform.stored_deployment(lease.deployment_id), sequence=0)
        await platform.overwrite(older.id, sequence=0)

        with pytest.raises(SupersededError):
            await platform.worker_services.pipeline._writer_takeover.advance(older)

        assert await only_instance_serves(platform, old)


class TestAKilledWorker:
    @pytest.mark.parametrize("is_continued", [True, False])
    @pytest.mark.parametrize("step", STEPS)
    async def test_at_any_step_leaves_one_writer(
        self,
        platform: Platform,
        shop: Project,
        old: Deployment,
        writers: list[int],
        step: str,
        *,
        is_continued: bool,
    ) -> None:
        """
        Another worker continues, or the old release returns first. The hold is not extended.

        After the commit, the reconciler finishes the cutover.
        """
        platform.commit(**WITH_RELEASE_COMMAND)
        queued = await platform.enqueue(shop)
        platform.failpoints.errors = {step: RuntimeError("killed")}
        lease = await platform.claim()
        with pytest.raises(RuntimeError, match="killed"):
            await run(platform, lease)
        platform.failpoints.errors = {}
        await reconcile(platform)
        until = (await target(platform, old)).held_until
        platform.clock.advance(20)

        was_requeued = await platform.worker_services.reconciler.requeue(lease)
        if was_requeued and not is_continued:
            await reconcile(platform)
            assert await only_instance_serves(platform, old)
        if was_requeued:
            next_lease = await platform.claim()
            with fail_after(60):
                await run(platform, next_lease)
        await reconcile(platform)

        assert S.RUNNING is await platform.status(queued.id)
        assert await only_instance_serves(platform, await platform.stored_deployment(queued.id))
        assert {1} == set(writers)
        tables = [each for table in platform.router.history for each in table.routes]
        held = {each.held_until for each in tables if HOST in each.hosts} - {None}
        # The requests are released between two attempts if the old instance still runs.
        is_kept = is_continued and until is not None and step != HELD
        assert not is_kept or {until} == held

    async def test_old_release_waits_for_the_end_of_the_new_instance(
        self, platform: Platform, shop: Project, old: Deployment, writers: list[int]
    ) -> None:
        """The runtime was not available when the job was queued again."""
        await platform.enqueue(shop)
        lease = await platform.claim()
        platform.failpoints.errors = {DEPLOYMENT_FAILPOINTS[5]: RuntimeError("killed")}
        with pytest.raises(RuntimeError, match="killed"):
            await platform.worker_services.pipeline.prepare(lease)
        platform.failpoints.errors = {}
        platform.runtime.is_unavailable = True
        await platform.worker_services.reconciler.requeue(lease)
        platform.runtime.is_unavailable = False

        await reconcile(platform)
        (left,) = platform.runtime.running.values()
        await platform.worker_services.garbage_collector.collect()
        await reconcile(platform)

        assert lease.deployment_id == left.instance.deployment_id
        assert await only_instance_serves(platform, old)
        assert {1} == set(writers)


class TestOtherStarts:
    async def test_a_restart_stops_the_old_instance_first(
        self, platform: Platform, old: Deployment, writers: list[int]
    ) -> None:
        before = await platform.instance(old.id)
        await platform.application.active_deployments.restart(platform.owner, old.id)

        await reconcile(platform)

        after = await platform.instance(old.id)
        assert (before.generation + 1, InstanceState.LIVE) == (after.generation, after.state)
        assert await only_instance_serves(platform, old)
        assert [False, True, False] == holds(platform)
        assert {1} == set(writers)

    @pytest.mark.parametrize("step", [HELD, VACATED])
    async def test_a_killed_restart_is_continued(
        self, platform: Platform, old: Deployment, writers: list[int], step: str
    ) -> None:
        await platform.application.active_deployments.restart(platform.owner, old.id)
        platform.failpoints.errors = {step: RuntimeError("killed")}
        with pytest.raises(RuntimeError, match="killed"):
            await platform.worker_services.rolling_restart.advance()
        platform.failpoints.errors = {}

        await reconcile(platform)

        assert 2 == (await platform.instance(old.id)).generation
        assert await only_instance_serves(platform, old)
        assert {1} == set(writers)

    async def test_a_deployment_overtakes_a_restart(
        self, platform: Platform, shop: Project, old: Deployment, writers: list[int]
    ) -> None:
        """The restart neither stops nor starts instances afterwards."""
        await platform.application.active_deployments.restart(platform.owner, old.id)
        stale = await platform.worker_services.active_deployments.read()
        new = await platform.deploy(shop)

        for active in stale:
            with pytest.raises(StaleEntityError):
                await platform.worker_services.rolling_restart._writer_takeover.advance(
                    active.deployment
                )
        await reconcile(platform)

        assert await only_instance_serves(platform, new)
        assert {1} == set(writers)

    async def test_requests_are_held_while_a_crashed_instance_restarts(
        self, platform: Platform, old: Deployment, writers: list[int]
    ) -> None:
        platform.runtime.crash((await platform.instance(old.id)).name)
        await platform.worker_services.instance_supervisor.check_all()
        is_held = route(platform).held_until is not None

        await reconcile(platform)

        assert is_held
        assert await only_instance_serves(platform, old)
        assert [False, True, False] == holds(platform)
        assert {1} == set(writers)

    async def test_supervisor_starts_nothing_during_a_takeover(
        self, platform: Platform, shop: Project, old: Deployment
    ) -> None:
        """It may have read the crashed instance before the takeover."""
        platform.runtime.crash((await platform.instance(old.id)).name)
        stale = await platform.worker_services.active_deployments.read()
        await platform.enqueue(shop)
        platform.failpoints.errors = {HELD: RuntimeError("killed")}
        with pytest.raises(RuntimeError, match="killed"):
            await platform.worker_services.pipeline.prepare(await platform.claim())
        platform.clock.advance(10)

        recovery = platform.worker_services.instance_supervisor._recovery
        checked = await recovery.check(stale[0], await platform.instance(old.id))
        with pytest.raises(StaleEntityError):
            await recovery.check(stale[0], checked)

        assert {} == platform.runtime.running

    async def test_removed_instance_is_not_started(self, platform: Platform, shop: Project) -> None:
        """The start began before the removal."""
        old = await platform.deploy(shop)
        instance = await platform.instance(old.id)
        services = platform.worker_services
        await services.pipeline._cleanup._removal.remove(old.lease)

        with pytest.raises(StaleEntityError):
            await services.instance_lifecycle._starter.start(
                await services.job_loader.load_for_deployment(old), instance
            )

        assert {} == platform.runtime.running

    async def test_instance_without_a_row_after_its_start_is_stopped(
        self, platform: Platform, shop: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its worker was suspended, and meanwhile another one removed the row."""
        job = await platform.worker_services.job_loader.load_for_deployment(
            await platform.deploy(shop)
        )
        instance = await platform.instance(job.deployment.id)
        platform.runtime.vanish(instance.name)
        start = MemoryRuntime.start

        async def start_late(runtime: MemoryRuntime, request: StartRequest, /) -> None:
            async with platform.adapters.storage.transaction() as uow:
                await uow.instances.remove(instance)
            await start(runtime, request)

        monkeypatch.setattr(MemoryRuntime, "start", start_late)
        with pytest.raises(StaleEntityError):
            await platform.worker_services.instance_lifecycle._starter.start(job, instance)

        assert {} == platform.runtime.running


class TestAChangedAccess:
    """The stricter access of both releases counts. Two releases for many run at the same time."""

    async def test_old_writer_stops_before_a_release_for_many(
        self,
        platform: Platform,
        shop: Project,
        old: Deployment,
        volume: Volume,
        writers: list[int],
    ) -> None:
        platform.commit(**WITH_RELEASE_COMMAND)
        await change_access(platform, volume, VolumeAccess.MANY)
        new = await platform.deploy(shop)
        was_alone = {1} == set(writers)
        switched = holds(platform)

        last = await platform.deploy(shop)

        assert (S.RUNNING, S.RUNNING) == (new.status, last.status)
        assert was_alone
        assert [False, True, False] == switched == holds(platform)
        assert 2 == max(writers)
        assert old.id not in {each.deployment_id for each in await platform.instances()}

    async def test_release_for_many_stops_before_a_new_writer(
        self, platform: Platform, shop: Project, volume: Volume, writers: list[int]
    ) -> None:
        await change_access(platform, volume, VolumeAccess.MANY)
        await platform.deploy(shop)
        await change_access(platform, volume, VolumeAccess.ONE)

        new = await platform.deploy(shop)

        assert await only_instance_serves(platform, new)
        assert {1} == set(writers)
        assert [False, True, False] == holds(platform)

    async def test_old_writer_returns_if_the_release_for_many_fails(
        self,
        platform: Platform,
        shop: Project,
        old: Deployment,
        volume: Volume,
        writers: list[int],
    ) -> None:
        await change_access(platform, volume, VolumeAccess.MANY)
        platform.runtime.early_exit = "exited with code 1"
        failed = await platform.deploy(shop)
        platform.runtime.early_exit = None

        await reconcile(platform)

        assert S.FAILED is failed.status
        assert await only_instance_serves(platform, old)
        assert {1} >= set(writers) - {0}

    @pytest.mark.parametrize("step", STEPS)
    async def test_a_killed_worker_leaves_one_writer(
        self, platform: Platform, shop: Project, old: Deployment, writers: list[int], step: str
    ) -> None:
        """The volume is declared, so a deployment changes its access."""
        declared = '[volumes.data]\npath = "data"\naccess = "many"\n'
        platform.commit(**WITH_RELEASE_COMMAND, **{"pushpaka.toml": declared})
        queued = await platform.enqueue(shop)
        platform.failpoints.errors = {step: RuntimeError("killed")}
        lease = await platform.claim()
        with pytest.raises(RuntimeError, match="killed"):
            await run(platform, lease)
        platform.failpoints.errors = {}
        await reconcile(platform)

        if await platform.worker_services.reconciler.requeue(lease):
            await reconcile(platform)
            assert await only_instance_serves(platform, old)
            await run(platform, await platform.claim())
        await reconcile(platform)

        assert await only_instance_serves(platform, await platform.stored_deployment(queued.id))
        assert {1} == set(writers)

    @pytest.mark.parametrize("first", [VolumeAccess.ONE, VolumeAccess.MANY])
    async def test_automatic_rollback_returns_to_the_other_access(
        self, platform: Platform, shop: Project, volume: Volume, first: VolumeAccess
    ) -> None:
        """The previous release was stopped, whichever of the two must be alone."""
        (second,) = set(VolumeAccess) - {first}
        await change_access(platform, volume, first)
        previous = await platform.deploy(shop)
        await change_access(platform, volume, second)
        broken = await platform.deploy(shop)

        await crash_twice(platform, broken)
        await reconcile(platform)

        assert S.FAILED is await platform.status(broken.id)
        assert await only_instance_serves(platform, previous)

    async def test_automatic_rollback_skips_a_broken_writer(
        self, platform: Platform, shop: Project, volume: Volume
    ) -> None:
        """The last two releases are for many, but the one between them stopped the first."""
        await change_access(platform, volume, VolumeAccess.MANY)
        previous = await platform.deploy(shop)
        await change_access(platform, volume, VolumeAccess.ONE)
        crashed = await platform.deploy(shop)
        await platform.overwrite(crashed.id, status=S.CRASHED)
        await change_access(platform, volume, VolumeAccess.MANY)
        broken = await platform.deploy(shop)

        await crash_twice(platform, broken)
        await reconcile(platform)

        assert S.FAILED is await platform.status(broken.id)
        assert await only_instance_serves(platform, previous)


class TestAutomaticRollback:
    async def test_returns_to_the_stopped_release(
        self, platform: Platform, shop: Project, old: Deployment, writers: list[int]
    ) -> None:
        platform.commit()
        new = await platform.deploy(shop)
        await crash_twice(platform, new)

        is_held = route(platform).held_until is not None
        await reconcile(platform)

        assert S.FAILED is await platform.status(new.id)
        assert is_held
        assert await only_instance_serves(platform, old)
        assert {1} == set(writers)

    async def test_rollback_by_a_user_is_a_takeover(
        self, platform: Platform, shop: Project, old: Deployment, writers: list[int]
    ) -> None:
        await platform.deploy(shop)
        queued = await platform.application.deployments.rollback(platform.owner, old.id)

        back = await platform.work()

        assert (queued.id, DeploymentKind.ROLLBACK, S.RUNNING) == (back.id, back.kind, back.status)
        assert await only_instance_serves(platform, back)
        assert {1} == set(writers)


class TestAStopByAUser:
    async def test_ends_a_takeover(
        self, platform: Platform, shop: Project, old: Deployment
    ) -> None:
        queued = await platform.enqueue(shop)
        platform.failpoints.errors = {VACATED: RuntimeError("killed")}
        lease = await platform.claim()
        with pytest.raises(RuntimeError, match="killed"):
            await platform.worker_services.pipeline.prepare(lease)
        platform.failpoints.errors = {}

        await platform.application.active_deployments.stop(platform.owner, old.id)
        await platform.worker_services.reconciler.requeue(lease)
        await reconcile(platform)
        await platform.worker_services.reconciler.stop_drained()
        await reconcile(platform)

        assert [S.STOPPED, S.SUPERSEDED] == [
            await platform.status(each.id) for each in (old, queued)
        ]
        assert {} == platform.runtime.running
        assert (True, None) == (route(platform).is_stopped, route(platform).held_until)


@pytest.mark.parametrize("processes", [("worker",), ("web", "worker")])
async def test_one_release_runs_with_all_its_processes(
    platform: Platform, shop: Project, writers: list[int], processes: Sequence[str]
) -> None:
    """All its process types share the volume. Those of the old release stop first."""
    platform.commit(Procfile="".join(f"{name}: ./{name}\n" for name in processes))
    await platform.deploy(shop)

    new = await platform.deploy(shop)

    running = [each.instance for each in platform.runtime.running.values()]
    assert [*processes] == sorted(each.process_type for each in running)
    assert {new.id} == {each.deployment_id for each in running}
    assert len(processes) == max(writers)


@pytest.mark.usefixtures("old")
async def test_takeover_waits_while_another_process_starts_the_old_instance(
    platform: Platform, shop: Project, writers: list[int]
) -> None:
    """A stop before that start would leave a second writer."""
    async with platform.storage.transaction() as uow:
        (instance,) = await uow.instances.all()
        starting = await uow.instances.update(evolve(instance, state=InstanceState.STARTING))
    await platform.enqueue(shop)
    async with create_task_group() as tasks:
        tasks.start_soon(platform.work)
        await wait_until_held(platform)
        is_waiting = [starting.id] == [each.id for each in await platform.instances()]
        async with platform.storage.transaction() as uow:
            await uow.instances.update(starting.go_live())

    assert is_waiting
    assert {1} == set(writers)
