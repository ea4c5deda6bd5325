"""New instances have to pass their health check twice, with the same worker processes."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from anyio import sleep
from attrs import evolve
from tests.platform_fixtures import FAST, OPTIONS, Platform, open_platform
from tests.service_fixtures import SteppedClock

from pushpaka_core.container.instances import instances_of
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.instances.health import HealthObservation, HealthPassCounter
from pushpaka_core.testing.objects.values import an_id

pytestmark = pytest.mark.anyio

S = DeploymentStatus
GAP = timedelta(seconds=1)
IT = InstanceId(an_id())
MASTER, FIRST, SECOND, HELPER = "1:1", "2:5", "3:9", "4:9"


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def health_passes(clock: SteppedClock) -> HealthPassCounter:
    return HealthPassCounter(clock.stopwatch, GAP)


class TestPasses:
    def test_second_pass_counts_after_the_gap(
        self, clock: SteppedClock, health_passes: HealthPassCounter
    ) -> None:
        first = health_passes.record_pass(IT, None)
        clock.advance(0.4)
        early = health_passes.record_pass(IT, None)
        clock.advance(0.6)
        second, third = health_passes.record_pass(IT, None), health_passes.record_pass(IT, None)

        assert [GAP, timedelta(seconds=0.6), None] == [
            first.next_pass_in, early.next_pass_in, second.next_pass_in,
        ]  # fmt: skip
        assert [False, False, True, True] == [
            seen.is_healthy for seen in (first, early, second, third)
        ]

    @pytest.mark.parametrize("clock_jump", [-3600, 3600])
    def test_setting_the_system_clock_has_no_effect(
        self, clock: SteppedClock, health_passes: HealthPassCounter, clock_jump: int
    ) -> None:
        health_passes.record_pass(IT, None)
        clock.jump(clock_jump)

        assert GAP == health_passes.record_pass(IT, None).next_pass_in

    def test_failed_check_resets_the_count(
        self, clock: SteppedClock, health_passes: HealthPassCounter
    ) -> None:
        health_passes.record_pass(IT, None)
        health_passes.reset(IT)
        clock.advance(1)

        assert not health_passes.record_pass(IT, None).is_healthy

    def test_lost_worker_process_resets_the_count(
        self, clock: SteppedClock, health_passes: HealthPassCounter
    ) -> None:
        health_passes.record_pass(IT, frozenset({MASTER, FIRST}))
        clock.advance(1)
        replaced = health_passes.record_pass(IT, frozenset({MASTER, SECOND}))
        clock.advance(1)
        settled = health_passes.record_pass(IT, frozenset({MASTER, SECOND}))

        assert "its worker processes keep exiting" == replaced.unhealthy_reason
        assert settled.is_healthy

    @pytest.mark.parametrize("initial_workers", [None, frozenset({MASTER})])
    def test_additional_workers_do_not_reset_the_count(
        self,
        clock: SteppedClock,
        health_passes: HealthPassCounter,
        initial_workers: frozenset[str] | None,
    ) -> None:
        health_passes.record_pass(IT, initial_workers)
        clock.advance(1)

        assert health_passes.record_pass(IT, frozenset({MASTER, FIRST, HELPER})).is_healthy

    def test_instances_are_counted_separately(
        self, clock: SteppedClock, health_passes: HealthPassCounter
    ) -> None:
        health_passes.record_pass(IT, None)
        clock.advance(601)

        assert not health_passes.record_pass(InstanceId(an_id()), None).is_healthy
        assert not health_passes.record_pass(IT, None).is_healthy


def advance_clock_continuously(platform: Platform) -> AbstractAsyncContextManager[None]:
    """Advance the clock of a platform together with the virtual time of the event loop."""

    async def tick() -> None:
        while True:
            await sleep(0.01)
            platform.clock.advance(0.01)

    return background_task(tick)


class TestDeployment:
    async def test_second_pass_gets_extra_time(self, platform: Platform) -> None:
        running = await platform.deploy(await platform.project(health_check_timeout=1))
        (run,) = await platform.worker_services.active_deployments.read()
        options = evolve(OPTIONS, timeouts=evolve(FAST, min_pass_interval=GAP))
        health = instances_of(platform.adapters, options).startup_health

        async with advance_clock_continuously(platform):
            await health.wait_until_healthy(run, await platform.instance(running.id))

    async def test_timeout_applies_only_before_the_first_pass(self, platform: Platform) -> None:
        running = await platform.deploy(await platform.project(health_check_timeout=1))
        (run,) = await platform.worker_services.active_deployments.read()
        options = evolve(OPTIONS, timeouts=evolve(FAST, min_pass_interval=GAP))
        health = instances_of(platform.adapters, options).startup_health
        instance = await platform.instance(running.id)
        silent, passed = (
            HealthObservation(unhealthy_reason="nothing yet"),
            HealthObservation(unhealthy_reason="once", next_pass_in=GAP),
        )

        seen = []
        for _ in range(4):
            seen.append(
                [health.is_overdue(run, instance, observation) for observation in (silent, passed)]
            )
            platform.clock.advance(1)

        assert [[False, False], [True, False], [True, False], [True, True]] == seen

    async def test_deployment_fails_if_worker_processes_keep_exiting(self) -> None:
        # Without a gap between passes, no virtual time would elapse before the next check.
        timings = evolve(FAST, min_pass_interval=FAST.probe_interval)
        async with (
            open_platform(timeouts=timings) as platform,
            advance_clock_continuously(platform),
        ):
            shop = await platform.project(health_check_timeout=1)
            old = await platform.deploy(shop)
            platform.runtime.workers_keep_dying = True

            failed = await platform.deploy(shop)

            reason = "not healthy within 1 s: its worker processes keep exiting."
            assert S.FAILED is failed.status
            assert reason in (failed.error or "")
            port = (await platform.instance(old.id)).port
            assert (port,) == platform.routes()["shop.localhost"]

    @pytest.mark.parametrize("check", [HealthCheck.TCP, HealthCheck.NONE])
    async def test_project_health_check_settings_are_used(
        self, platform: Platform, check: HealthCheck
    ) -> None:
        shop = await platform.project(health_check=check)

        running = await platform.deploy(shop)
        await platform.worker_services.instance_supervisor.check_liveness()

        asked = [probe.check for probe in platform.prober.probes]
        assert ([HealthCheck.TCP] * 2 if check is HealthCheck.TCP else []) == asked
        found = (await platform.status(running.id), (await platform.instance(running.id)).state)
        assert (S.RUNNING, InstanceState.LIVE) == found


class TestAfterCrash:
    async def test_first_restart_needs_one_pass_and_later_ones_two(
        self, platform: Platform, running: Deployment
    ) -> None:
        looks = [
            await count_checks_until_live(platform, await crash(platform, running.id))
            for _ in range(2)
        ]

        assert [1, 2] == looks


async def crash(platform: Platform, id: object) -> Instance:
    (instance,) = [i for i in await platform.instances() if i.deployment_id == id]
    platform.runtime.crash(instance.name)
    await platform.worker_services.instance_supervisor.check_all()
    seen = await platform.instance(instance.deployment_id)
    platform.clock.now = seen.restart_at or platform.clock.now
    await platform.worker_services.instance_supervisor.check_all()
    return await platform.instance(instance.deployment_id)


async def count_checks_until_live(platform: Platform, instance: Instance) -> int:
    assert InstanceState.STARTING is instance.state
    for looks in range(1, 5):
        await platform.worker_services.instance_supervisor.check_all()
        if (await platform.instance(instance.deployment_id)).state is InstanceState.LIVE:
            return looks
    raise AssertionError("it is not live")
