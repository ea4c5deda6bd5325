"""Rolling restarts: new instances are started before the old ones are stopped."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from anyio import create_task_group, fail_after, sleep
from tests.platform_fixtures import FAST, Platform

from pushpaka_core.adapters.memory.runtime import ListenMode, MemoryRuntime
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import (
    ConflictError,
    PlatformFaultError,
    RouterUnavailableError,
    StorageUnavailableError,
)
from pushpaka_core.ports.processes import EXIT_UNKNOWN

pytestmark = pytest.mark.anyio

S = DeploymentStatus
KEPT = "The restart failed. The old instances keep serving."
DRAIN = FAST.drain_time.total_seconds()


async def request_restart(platform: Platform, deployment: Deployment) -> Deployment:
    """Request a restart of *deployment*."""
    return await platform.application.active_deployments.restart(platform.owner, deployment.id)


async def reconcile(platform: Platform, times: int = 1) -> None:
    """Run *times* rounds of the reconciler. In each, an instance can pass two health checks."""
    for _ in range(times):
        await platform.worker_services.rolling_restart.advance()
        await platform.worker_services.rolling_restart.advance()
        await platform.worker_services.instance_supervisor.check_all()


async def instances_of_generation(
    platform: Platform, deployment: Deployment, number: int
) -> list[Instance]:
    """Return the instances of *deployment* in generation *number*, which restarts increase."""
    return [i for i in await platform.instances(deployment.id) if i.generation == number]


def ports_of(instances: Sequence[Instance]) -> set[int | None]:
    """Return the ports of *instances*."""
    return {instance.port for instance in instances}


def routed_ports(platform: Platform) -> set[int | None]:
    """Return the ports that receive the production traffic."""
    return {*platform.routes()["shop.localhost"]}


class TestARestart:
    @pytest.mark.parametrize("is_clock_set_back", [False, True])
    async def test_replaces_the_old_instance_without_a_gap(
        self, platform: Platform, running: Deployment, *, is_clock_set_back: bool
    ) -> None:
        old = await platform.instance(running.id)
        answer = await request_restart(platform, running)

        await reconcile(platform)
        (new,) = await instances_of_generation(platform, running, 2)
        assert (running.id, S.RUNNING) == (answer.id, answer.status)
        assert {old.name, new.name} == set(platform.runtime.running)
        assert {old.port} == routed_ports(platform) != {new.port}

        await reconcile(platform)
        assert {new.port} == routed_ports(platform)
        causes = (await platform.causes(running.id))[-2:]
        assert ["A restart was requested", "New instances have replaced the old ones"] == causes

        platform.clock.advance(DRAIN - 1)
        await reconcile(platform)
        assert {old.name, new.name} == set(platform.runtime.running)

        platform.clock.jump(-3600) if is_clock_set_back else platform.clock.advance(1)
        await reconcile(platform)
        assert {new.name} == set(platform.runtime.running)
        assert S.RUNNING is await platform.status(running.id)
        assert await platform.is_cleaned_up()

    async def test_restart_waits_for_every_replica(self, platform: Platform) -> None:
        project = await platform.project("shop", replicas=3)
        running = await platform.deploy(project)
        old = await platform.instances(running.id)
        await request_restart(platform, running)
        await reconcile(platform)
        new = await instances_of_generation(platform, running, 2)
        platform.prober.failures[new[1].port or 0] = "it answered with status 503"
        await reconcile(platform, times=3)
        meanwhile = routed_ports(platform)

        platform.prober.failures.clear()
        await reconcile(platform)

        assert 3 == len(new)
        assert ports_of(old) == meanwhile
        assert ports_of(new) == routed_ports(platform)

    async def test_restart_keeps_the_env_vars(self, platform: Platform, shop: Project) -> None:
        await platform.set_env(shop, COLOR="red")
        running = await platform.deploy(shop)
        await platform.set_env(shop, COLOR="blue")
        await request_restart(platform, running)

        await reconcile(platform, times=2)

        (new,) = await instances_of_generation(platform, running, 2)
        assert "red" == platform.runtime.running[new.name].env["COLOR"]


class TestAFailedRestart:
    @pytest.mark.parametrize(
        ("runtime_attributes", "reason"),
        [
            ({"early_exit": "exited with code 3"}, "The web process exited with code 3."),
            ({"failure": PlatformFaultError("No memory is left.")}, "No memory is left."),
            ({"listening": ListenMode.PORT_TAKEN}, "found its port"),
        ],
    )
    async def test_failed_restart_keeps_the_old_instances(
        self,
        platform: Platform,
        running: Deployment,
        runtime_attributes: dict[str, object],
        reason: str,
    ) -> None:
        old = await platform.instance(running.id)
        await request_restart(platform, running)
        for name, value in runtime_attributes.items():
            setattr(platform.runtime, name, value)

        await reconcile(platform, times=3)

        last = (await platform.lines(running.id))[-1]
        assert old == await platform.instance(running.id)
        assert {old.port} == routed_ports(platform)
        assert (S.RUNNING, 1) == (
            (row := await platform.stored_deployment(running.id)).status,
            row.generation,
        )
        assert LogLevel.ERROR is last.level
        assert KEPT in last.message
        assert reason in last.message
        assert "The restart failed" == (await platform.causes(running.id))[-1]
        assert await platform.is_cleaned_up()

    @pytest.mark.parametrize("clock_jump", [0, -3600, 3600])
    async def test_restart_is_abandoned_after_the_health_check_timeout(
        self, platform: Platform, shop: Project, clock_jump: int
    ) -> None:
        running = await platform.deploy(shop)
        await request_restart(platform, running)
        platform.runtime.listening = ListenMode.ANOTHER_PORT
        await reconcile(platform)
        platform.clock.jump(clock_jump)
        platform.clock.advance(RunSettings.of(shop).health_check_timeout - 1)
        await reconcile(platform)
        until_then = len(platform.runtime.running)

        platform.clock.advance(1)
        await reconcile(platform)

        last_message = (await platform.messages(running.id))[-1]
        assert 2 == until_then
        assert 1 == len(platform.runtime.running)
        assert f"{KEPT} The web process was not healthy within 60 s" in last_message
        assert "It listens on 8080, but must listen on $PORT (" in last_message

    async def test_failed_restart_can_be_repeated(
        self, platform: Platform, running: Deployment
    ) -> None:
        platform.runtime.early_exit = "exited with code 3"
        await request_restart(platform, running)
        await reconcile(platform, times=3)
        platform.runtime.early_exit = None

        await request_restart(platform, running)
        await reconcile(platform, times=2)

        (new,) = await instances_of_generation(platform, running, 2)
        assert {new.port} == routed_ports(platform)

    async def test_failed_restart_of_one_replica_ends_the_others(self, platform: Platform) -> None:
        project = await platform.project("shop", replicas=2)
        running = await platform.deploy(project)
        old = await platform.instances(running.id)
        await request_restart(platform, running)
        await reconcile(platform)
        platform.runtime.crash((await instances_of_generation(platform, running, 2))[0].name)

        await reconcile(platform, times=2)

        assert old == await platform.instances(running.id)
        assert ports_of(old) == routed_ports(platform)
        assert await platform.is_cleaned_up()


async def test_a_router_outage_keeps_the_old_ones_alive(
    platform: Platform, running: Deployment
) -> None:
    old = await platform.instance(running.id)
    await request_restart(platform, running)
    await reconcile(platform)
    platform.router.fail()
    for seconds in (0, DRAIN):
        platform.clock.advance(seconds)
        with pytest.raises(RouterUnavailableError):
            await platform.worker_services.rolling_restart.advance()
    during = old.name in platform.runtime.running, routed_ports(platform)
    platform.router.recover()

    await reconcile(platform)
    platform.clock.advance(DRAIN)
    await reconcile(platform)

    new = await platform.instance(running.id)
    assert (True, {old.port}) == during
    assert (2, {new.port}) == (new.generation, routed_ports(platform))


class TestACrashedWorker:
    async def test_restart_continues_before_the_first_start(
        self, platform: Platform, running: Deployment
    ) -> None:
        await request_restart(platform, running)
        platform.runtime.failure = StorageUnavailableError("The platform is killed.")
        with pytest.raises(StorageUnavailableError):
            await platform.worker_services.rolling_restart.advance()
        platform.runtime.failure = None
        (new,) = await instances_of_generation(platform, running, 2)

        await reconcile(platform, times=2)

        assert {new.port} == routed_ports(platform)
        assert new.name in platform.runtime.running
        assert 2 == len(await platform.instances(running.id))

    @pytest.mark.parametrize(
        "stop_program", [MemoryRuntime.vanish, partial(MemoryRuntime.crash, exit=EXIT_UNKNOWN)]
    )
    async def test_restart_continues_after_the_machine_was_off(
        self,
        platform: Platform,
        running: Deployment,
        stop_program: Callable[[MemoryRuntime, str], None],
    ) -> None:
        await request_restart(platform, running)
        await reconcile(platform)
        for name in platform.runtime.running:
            stop_program(platform.runtime, name)

        await reconcile(platform, times=3)

        (new,) = await instances_of_generation(platform, running, 2)
        assert S.RUNNING is await platform.status(running.id)
        assert {new.port} == routed_ports(platform)

    async def test_another_reconciler_continues_the_restart(
        self, platform: Platform, running: Deployment
    ) -> None:
        old = await platform.instance(running.id)
        await request_restart(platform, running)
        await reconcile(platform)

        async with create_task_group() as tasks:
            tasks.start_soon(platform.reconciler().run)
            with fail_after(30):
                while {old.port} == routed_ports(platform):
                    await sleep(0.01)
            tasks.cancel_scope.cancel()

        (new,) = await instances_of_generation(platform, running, 2)
        assert {new.port} == routed_ports(platform)
        assert (
            InstanceState.STOPPING is (await instances_of_generation(platform, running, 1))[0].state
        )


class TestARestartDuringARestart:
    async def test_later_restart_overtakes_the_first(
        self, platform: Platform, running: Deployment
    ) -> None:
        old = await platform.instance(running.id)
        await request_restart(platform, running)
        await reconcile(platform)
        (overtaken,) = await instances_of_generation(platform, running, 2)

        await request_restart(platform, running)
        await reconcile(platform)
        meanwhile = routed_ports(platform)
        await reconcile(platform)

        (new,) = await instances_of_generation(platform, running, 3)
        assert {old.port} == meanwhile
        assert {new.port} == routed_ports(platform)
        assert {old.name, new.name} == set(platform.runtime.running)
        assert overtaken.port not in {
            upstream.port
            for table in platform.router.history
            for route in table.routes
            for upstream in route.upstreams
        }

    async def test_failure_of_the_last_restart_keeps_the_old_instances(
        self, platform: Platform, running: Deployment
    ) -> None:
        old = await platform.instance(running.id)
        await request_restart(platform, running)
        await reconcile(platform)
        platform.runtime.early_exit = "exited with code 3"
        await request_restart(platform, running)

        await reconcile(platform, times=3)

        assert old == await platform.instance(running.id)
        assert 1 == (await platform.stored_deployment(running.id)).generation
        assert {old.port} == routed_ports(platform)
        assert await platform.is_cleaned_up()

    async def test_restart_during_the_drain_does_not_wait(
        self, platform: Platform, running: Deployment
    ) -> None:
        await request_restart(platform, running)
        await reconcile(platform, times=2)
        await request_restart(platform, running)

        await reconcile(platform, times=2)
        in_the_end = await instances_of_generation(platform, running, 3)
        platform.clock.advance(DRAIN)
        await reconcile(platform)

        assert ports_of(in_the_end) == routed_ports(platform)
        assert [3] == [i.generation for i in await platform.instances(running.id)]
        assert await platform.is_cleaned_up()


class TestACrashDuringARestart:
    async def test_crashed_old_instance_is_restarted(
        self, platform: Platform, running: Deployment
    ) -> None:
        await request_restart(platform, running)
        platform.runtime.listening = ListenMode.NOWHERE
        await reconcile(platform)
        platform.runtime.listening = ListenMode.OWN_PORT
        (old,) = await instances_of_generation(platform, running, 1)
        platform.runtime.crash(old.name, "exited with code 9")
        await reconcile(platform)
        crashed = await platform.stored_deployment(running.id)

        platform.clock.advance(1)
        await reconcile(platform, times=2)

        (mended,) = await instances_of_generation(platform, running, 1)
        assert S.CRASHED is crashed.status
        assert "The web process exited with code 9. It is being restarted." == crashed.error
        assert S.RUNNING is await platform.status(running.id)
        assert {mended.port} == routed_ports(platform)
        assert mended.id != old.id

    async def test_crash_does_not_delay_the_new_instance(
        self, platform: Platform, running: Deployment
    ) -> None:
        await request_restart(platform, running)
        await reconcile(platform)
        platform.runtime.crash((await instances_of_generation(platform, running, 1))[0].name)
        await platform.worker_services.instance_supervisor.check_all()

        await reconcile(platform)

        (new,) = await instances_of_generation(platform, running, 2)
        assert {new.port} == routed_ports(platform)
        assert S.RUNNING is await platform.status(running.id)


async def test_a_newer_deployment_cancels_the_restart(
    platform: Platform, shop: Project, running: Deployment
) -> None:
    await request_restart(platform, running)
    await reconcile(platform)
    platform.commit()

    newer = await platform.deploy(shop)
    await reconcile(platform, times=3)
    meanwhile = routed_ports(platform)
    platform.clock.advance(DRAIN)
    await platform.worker_services.reconciler.stop_drained()

    assert {(await platform.instance(newer.id)).port} == meanwhile == routed_ports(platform)
    assert [1] == [i.generation for i in await platform.instances(newer.id)]
    assert S.STOPPED is await platform.status(running.id)
    assert [] == list(await platform.instances(running.id))
    assert await platform.is_cleaned_up()
    with pytest.raises(ConflictError):
        await request_restart(platform, running)


async def test_a_deployment_stopped_meanwhile_is_not_started(
    platform: Platform, running: Deployment
) -> None:
    await request_restart(platform, running)
    await reconcile(platform)
    await platform.application.active_deployments.stop(platform.owner, running.id)

    await reconcile(platform)
    await platform.worker_services.reconciler.stop_drained()
    await reconcile(platform)

    assert {} == platform.runtime.running
    assert S.STOPPED is await platform.status(running.id)
    assert await platform.is_cleaned_up()
