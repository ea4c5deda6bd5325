"""Supervision of instances: crash detection, restarts with back-off, probes and statuses."""

from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from anyio import fail_after
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform, open_platform

from pushpaka_core.adapters.memory.runtime import ListenMode, MemoryRuntime
from pushpaka_core.container.instances import instances_of
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId, InstanceId
from pushpaka_core.domain.instances.instances import (
    BACKOFF_RESET_AFTER,
    ENDED_WITH_HOST,
    MAX_FAILED_PROBES,
    Instance,
    InstanceState,
)
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import PlatformFaultError, RouterUnavailableError, RuntimeUnavailableError
from pushpaka_core.services.concurrency import Task, run_round
from pushpaka_core.services.deployments.active_deployments import (
    ActiveDeployment,
    ActiveDeployments,
)
from pushpaka_core.services.instances.recovery import InstanceRecovery
from pushpaka_core.services.instances.supervisor import InstanceSupervisor

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def crash(platform: Platform, deployment: Deployment, exit_reason: str) -> None:
    """Make the only instance of the deployment exit, and run the supervisor."""
    platform.runtime.crash((await platform.instance(deployment.id)).name, exit_reason)
    await platform.worker_services.instance_supervisor.check_all()


async def restart(platform: Platform, deployment: Deployment) -> None:
    """Let the back-off delay pass, so that the instance restarts and passes its health checks."""
    instance = await platform.instance(deployment.id)
    assert instance.restart_at is not None
    platform.clock.now = instance.restart_at
    for _ in range(3):
        await platform.worker_services.instance_supervisor.check_all()


def fail_probes(platform: Platform, instance: Instance) -> None:
    """Make *instance* fail its probes from this point on."""
    platform.prober.failures[instance.port or 0] = "it did not answer within 5 s"


def take_port(platform: Platform, instance: Instance) -> None:
    """Make another program listen on the port of an instance."""
    platform.runtime.steal_port(instance.name)


class TestACrash:
    async def test_crash_is_reported_and_restarted_immediately(
        self, platform: Platform, running: Deployment
    ) -> None:
        await crash(platform, running, "exited with code 137")

        crashed, last = (
            await platform.stored_deployment(running.id),
            (await platform.lines(running.id))[-1],
        )
        reason = "The web process exited with code 137."
        assert (S.CRASHED, f"{reason} It is being restarted.") == (crashed.status, crashed.error)
        assert crashed.error == (await platform.causes(running.id))[-1]
        message = f"{reason} Restarting it now."
        assert (LogLevel.ERROR, message) == (last.level, last.message)
        await platform.worker_services.instance_supervisor.check_all()
        await platform.worker_services.instance_supervisor.check_all()
        row, after = (
            await platform.stored_deployment(running.id),
            await platform.instance(running.id),
        )
        assert (S.RUNNING, None, InstanceState.LIVE) == (row.status, row.error, after.state)
        assert [after.name] == list(platform.runtime.running)
        assert (after.port,) == platform.routes()["shop.localhost"]
        assert await platform.is_cleaned_up()

    async def test_repeated_crashes_increase_the_back_off(
        self, platform: Platform, running: Deployment
    ) -> None:
        pauses = list[int]()
        for _ in range(5):
            await crash(platform, running, "exited with code 1")
            await platform.worker_services.instance_supervisor.check_all()
            instance = await platform.instance(running.id)
            if pauses:
                assert InstanceState.CRASHED is instance.state
            restart_at = instance.restart_at or platform.clock.now
            pauses.append((restart_at - platform.clock.now).seconds)
            platform.clock.now = restart_at
            for _ in range(3):
                await platform.worker_services.instance_supervisor.check_all()
        platform.clock.advance(BACKOFF_RESET_AFTER.total_seconds())

        await crash(platform, running, "exited with code 1")

        assert [0, 1, 2, 4, 8] == pauses
        assert "Restarting it now." in (await platform.messages(running.id))[-1]

    async def test_crash_at_every_start_is_retried_forever(
        self, platform: Platform, running: Deployment
    ) -> None:
        platform.runtime.early_exit = "exited with code 3"
        await crash(platform, running, "exited with code 1")

        await restart(platform, running)

        message = "The web process exited with code 3. Restarting it in 1 s."
        assert S.CRASHED is await platform.status(running.id)
        assert message == (await platform.messages(running.id))[-1]

    @pytest.mark.parametrize("clock_jump", [0, -3600])
    async def test_restart_survives_a_lost_program_or_a_clock_jump(
        self, platform: Platform, running: Deployment, clock_jump: int
    ) -> None:
        name = (await platform.instance(running.id)).name
        (platform.runtime.crash if clock_jump else platform.runtime.vanish)(name)
        await platform.worker_services.instance_supervisor.check_all()
        platform.clock.jump(clock_jump)

        await platform.worker_services.instance_supervisor.check_all()
        await platform.worker_services.instance_supervisor.check_all()

        assert S.RUNNING is await platform.status(running.id)

    async def test_crash_of_one_replica_does_not_affect_the_others(
        self, platform: Platform
    ) -> None:
        project = await platform.project(replicas=2)
        running = await platform.deploy(project)
        first, second = await platform.instances(running.id)
        platform.runtime.crash(first.name)

        await platform.worker_services.instance_supervisor.check_all()

        assert S.RUNNING is await platform.status(running.id)
        assert (second.port,) == platform.routes()["shop.localhost"]

    async def test_crash_of_a_worker_process_marks_the_deployment_as_crashed(
        self, platform: Platform, shop: Project
    ) -> None:
        platform.commit(Procfile="web: ./serve\nworker: ./work\n")
        running = await platform.deploy(shop)
        (worker,) = [i for i in await platform.instances(running.id) if i.process_type == "worker"]
        platform.runtime.crash(worker.name)

        await platform.worker_services.instance_supervisor.check_all()

        assert S.CRASHED is await platform.status(running.id)
        assert 1 == len(platform.routes()["shop.localhost"])

    async def test_crash_while_draining_is_ignored(self, platform: Platform, shop: Project) -> None:
        old = await platform.deploy(shop)
        await platform.deploy(shop)

        await crash(platform, old, "exited with code 1")

        assert S.RUNNING is await platform.status(old.id)

    async def test_failed_restart_is_retried(self, platform: Platform, running: Deployment) -> None:
        await crash(platform, running, "exited with code 1")
        platform.runtime.failure = PlatformFaultError("No process is left.")
        await restart(platform, running)
        platform.runtime.failure = None

        await restart(platform, running)

        assert S.RUNNING is await platform.status(running.id)

    async def test_runtime_outage_does_not_count_as_a_crash(
        self, platform: Platform, running: Deployment
    ) -> None:
        await crash(platform, running, "exited with code 1")
        crashed = await platform.instance(running.id)
        platform.runtime.is_unavailable = True
        with pytest.raises(RuntimeUnavailableError):
            await restart(platform, running)
        meanwhile = await platform.instance(running.id)
        platform.runtime.is_unavailable = False

        await restart(platform, running)

        assert crashed == meanwhile
        assert S.RUNNING is await platform.status(running.id)

    async def test_crash_during_a_router_outage_is_recorded_afterwards(
        self, platform: Platform, running: Deployment
    ) -> None:
        platform.router.fail()
        with pytest.raises(RouterUnavailableError):
            await crash(platform, running, "exited with code 1")
        platform.router.recover()

        await platform.worker_services.instance_supervisor.check_all()
        await platform.worker_services.reconciler.repair_routes()

        assert S.CRASHED is await platform.status(running.id)
        assert () == platform.routes()["shop.localhost"]

    async def test_crash_of_one_application_does_not_delay_another(
        self, platform: Platform, shop: Project
    ) -> None:
        blog = await platform.deploy(await platform.project("blog"))
        await crash(platform, blog, "exited with code 1")
        running = await platform.deploy(shop)
        platform.runtime.crash((await platform.instance(running.id)).name)
        platform.router.fail()
        platform.clock.advance(1)

        with pytest.raises(RouterUnavailableError):
            await platform.worker_services.instance_supervisor.check_all()

        assert InstanceState.STARTING is (await platform.instance(blog.id)).state


class TestLiveness:
    async def test_three_failed_probes_end_an_instance(
        self, platform: Platform, running: Deployment
    ) -> None:
        fail_probes(platform, await platform.instance(running.id))

        for _ in range(MAX_FAILED_PROBES):
            assert S.RUNNING is await platform.status(running.id)
            await platform.worker_services.instance_supervisor.check_liveness()

        assert S.CRASHED is await platform.status(running.id)
        assert {} == platform.runtime.running
        assert (
            "The web process did not respond to 3 probes in a row and was stopped (it did not"
            " answer within 5 s). Restarting it now."
        ) == (await platform.messages(running.id))[-1]

    @pytest.mark.parametrize("break_instance", [fail_probes, take_port])
    async def test_traffic_moves_before_an_instance_is_ended(
        self,
        platform: Platform,
        running: Deployment,
        break_instance: Callable[[Platform, Instance], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        instance = await platform.instance(running.id)
        break_instance(platform, instance)
        led_to_it = []
        stop = MemoryRuntime.stop

        async def record_routes_and_stop(
            runtime: MemoryRuntime, name: str, /, *, grace_period: timedelta
        ) -> None:
            led_to_it.append((instance.port,) in platform.routes().values())
            await stop(runtime, name, grace_period=grace_period)

        monkeypatch.setattr(MemoryRuntime, "stop", record_routes_and_stop)

        for _ in range(MAX_FAILED_PROBES):
            await platform.worker_services.instance_supervisor.check_liveness()

        assert [False] == led_to_it

    async def test_only_failed_probes_in_a_row_count(
        self, platform: Platform, running: Deployment
    ) -> None:
        port = (await platform.instance(running.id)).port or 0

        for is_missing in (True, True, False, True, True):
            platform.prober.failures = {port: "no answer"} if is_missing else {}
            await platform.worker_services.instance_supervisor.check_liveness()

        assert 2 == (await platform.instance(running.id)).failed_probes
        assert S.RUNNING is await platform.status(running.id)

    async def test_another_program_on_the_port_does_not_pass_the_probe(
        self, platform: Platform, running: Deployment
    ) -> None:
        robbed = await platform.instance(running.id)
        take_port(platform, robbed)

        await platform.worker_services.instance_supervisor.check_liveness()

        assert S.CRASHED is await platform.status(running.id)
        assert () == platform.routes()["shop.localhost"]
        assert (
            f"The web process found its port {robbed.port} taken by another program."
            " Restarting it now."
        ) == (await platform.messages(running.id))[-1]

    async def test_instance_over_its_limit_is_ended(
        self, platform: Platform, running: Deployment
    ) -> None:
        greedy = await platform.instance(running.id)
        platform.runtime.exceeded_limits[greedy.name] = "exceeded its disk limit of 10240 MiB"

        await platform.worker_services.instance_supervisor.check_liveness()

        assert S.CRASHED is await platform.status(running.id)
        assert {} == platform.runtime.running
        assert ("The web process exceeded its disk limit of 10240 MiB. Restarting it now.") == (
            await platform.messages(running.id)
        )[-1]

    async def test_starting_instances_are_not_probed(
        self, platform: Platform, running: Deployment
    ) -> None:
        await crash(platform, running, "exited with code 1")
        probes = len(platform.prober.probes)

        await platform.worker_services.instance_supervisor.check_liveness()

        assert probes == len(platform.prober.probes)


@pytest.mark.parametrize("clock_jump", [0, -3600, 3600])
async def test_a_restarted_instance_has_the_health_check_timeout(
    platform: Platform, shop: Project, clock_jump: int
) -> None:
    running = await platform.deploy(shop)
    await crash(platform, running, "exited with code 1")
    platform.runtime.listening = ListenMode.NOWHERE
    await restart(platform, running)
    platform.clock.jump(clock_jump)
    platform.clock.advance(RunSettings.of(shop).health_check_timeout - 1)
    await platform.worker_services.instance_supervisor.check_all()
    patient = await platform.instance(running.id)
    platform.clock.advance(1)

    await platform.worker_services.instance_supervisor.check_all()

    assert InstanceState.STARTING is patient.state
    assert (
        "The web process was not healthy in time (nothing listens on its port)."
        in (await platform.messages(running.id))[-1]
    )


async def reboot(platform: Platform, deployments: Sequence[Deployment]) -> InstanceSupervisor:
    """Stop all programs, as a reboot does, and return the supervisor of the next process."""
    platform.host.has_rebooted = True
    for deployment in deployments:
        platform.runtime.vanish((await platform.instance(deployment.id)).name)
    engine = platform.another_engine()
    await engine.held_lease.acquire("next", expected=await engine.held_lease.read())
    return engine.instance_supervisor


class TestAHostRestart:
    """All instances have ended at the same time, for example by a reboot."""

    async def test_repeated_host_restarts_are_not_crashes(
        self, platform: Platform, running: Deployment
    ) -> None:
        for _ in range(3):
            instance_supervisor = await reboot(platform, [running])
            platform.prober.probes.clear()

            await instance_supervisor.check_all()
            lost = await platform.instance(running.id)
            await instance_supervisor.check_all()
            await instance_supervisor.check_all()

            found = (lost.exit, lost.restarts, lost.restart_at)
            assert (ENDED_WITH_HOST, 0, platform.clock.now) == found
            assert InstanceState.LIVE is (await platform.instance(running.id)).state
            checks = [probe.check for probe in platform.prober.probes]
            assert 1 == checks.count(HealthCheck.HTTP)
        assert not any("is being restarted" in each for each in await platform.causes(running.id))
        assert S.RUNNING is await platform.status(running.id)

    async def test_failed_start_after_a_host_restart_is_a_crash(
        self, platform: Platform, running: Deployment
    ) -> None:
        instance_supervisor = await reboot(platform, [running])
        platform.runtime.early_exit = "exited with code 3"

        for _ in range(3):
            await instance_supervisor.check_all()

        assert S.CRASHED is await platform.status(running.id)
        assert 1 == (await platform.instance(running.id)).restarts

    async def test_host_restart_does_not_hide_later_crashes(
        self, platform: Platform, running: Deployment
    ) -> None:
        platform.host.has_rebooted = True
        await platform.worker_services.instance_supervisor.check_all()

        await crash(platform, running, "exited with code 1")

        assert S.CRASHED is await platform.status(running.id)
        assert 1 == (await platform.instance(running.id)).restarts

    async def test_recovery_is_left_to_the_full_check(
        self, platform: Platform, shop: Project
    ) -> None:
        running, before = await platform.deploy(shop), platform.runtime.running
        instance_supervisor = await reboot(platform, [running])
        platform.runtime.is_unavailable = True
        with pytest.raises(RuntimeUnavailableError):
            await instance_supervisor.check_all()
        platform.runtime.is_unavailable = False

        await instance_supervisor.check_liveness()
        await instance_supervisor.check_rollback_windows()

        assert InstanceState.LIVE is (await platform.instance(running.id)).state
        assert not set(before) & set(platform.runtime.running)

    async def test_instances_start_a_few_at_a_time_until_all_run(self) -> None:
        async with open_platform(options=evolve(OPTIONS, max_concurrent_starts=2)) as platform:
            served = [await platform.deploy(await platform.project(f"app-{n}")) for n in range(5)]
            platform.runtime.listening = ListenMode.NOWHERE
            for deployment in served:
                platform.runtime.vanish((await platform.instance(deployment.id)).name)
            await platform.worker_services.instance_supervisor.check_all()

            await platform.worker_services.instance_supervisor.check_all()
            await platform.worker_services.instance_supervisor.check_all()
            at_first = len(platform.runtime.running)
            platform.runtime.listening = ListenMode.OWN_PORT
            for name in platform.runtime.running:
                platform.runtime.crash(name)
            for _ in range(10):
                await platform.worker_services.instance_supervisor.check_all()
                platform.clock.advance(1)

            assert 2 == at_first
            assert {S.RUNNING} == {await platform.status(each.id) for each in served}

    async def test_production_starts_first(self) -> None:
        async with open_platform(options=evolve(OPTIONS, max_concurrent_starts=1)) as platform:
            shop = await platform.project()
            await platform.enqueue(shop, target="preview:main")
            preview = await platform.work()
            production = await platform.deploy(shop)
            for deployment in (preview, production):
                platform.runtime.vanish((await platform.instance(deployment.id)).name)
            await platform.worker_services.instance_supervisor.check_all()

            await platform.worker_services.instance_supervisor.check_all()

            (started,) = platform.runtime.running
            assert started.startswith(str(production.id))

    async def test_oldest_deployment_starts_first(self) -> None:
        """The age counts, and not the number of earlier deployments of the project."""
        async with open_platform(options=evolve(OPTIONS, max_concurrent_starts=1)) as platform:
            first, second = await platform.project("a"), await platform.project("b")
            await platform.deploy(first)
            platform.clock.advance(1)
            older = await platform.deploy(first)
            platform.clock.advance(1)
            newer = await platform.deploy(second)
            for deployment in (older, newer):
                platform.runtime.vanish((await platform.instance(deployment.id)).name)
            await platform.worker_services.instance_supervisor.check_all()

            await platform.worker_services.instance_supervisor.check_all()

            running = {name[:36] for name in platform.runtime.running}
            assert older.sequence > newer.sequence
            assert {str(older.id)} == running & {str(older.id), str(newer.id)}

    async def test_waiter_wakes_only_when_a_slot_is_free(self) -> None:
        options = evolve(OPTIONS, max_concurrent_starts=1)
        once_an_hour = evolve(OPTIONS.timeouts, supervision_interval=timedelta(hours=1))
        async with open_platform(options=options, timeouts=once_an_hour) as platform:
            instance_supervisor, looks = (
                platform.worker_services.instance_supervisor,
                list[DeploymentId](),
            )
            served = [await platform.deploy(await platform.project(name)) for name in ("a", "b")]
            platform.runtime.listening = ListenMode.NOWHERE
            for deployment in served:
                platform.runtime.vanish((await platform.instance(deployment.id)).name)

            async def dispatch(tasks: Mapping[Hashable, Task], /) -> None:
                looks.extend(each.id for each in served if each.id in tasks)
                await run_round(tasks)

            while len(looks) < 60:
                await instance_supervisor.wait_until_due()
                await instance_supervisor.check_due(dispatch)
            (starter,) = platform.runtime.running
            waiting = next(each.id for each in served if not starter.startswith(str(each.id)))
            looks_at_waiting = looks.count(waiting)
            platform.runtime.listening = ListenMode.OWN_PORT
            platform.runtime.crash(starter)
            with fail_after(10):
                while await platform.status(waiting) is not S.RUNNING:
                    await instance_supervisor.wait_until_due()
                    platform.clock.advance(1)
                    await instance_supervisor.check_due(dispatch)

            assert 2 == looks_at_waiting

    async def test_silent_instance_is_only_connected_to_until_it_listens(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with self._starting_silently() as (platform, instance):
            reads = list[DeploymentId]()
            find = ActiveDeployments.find

            async def count(active: ActiveDeployments, id: DeploymentId) -> ActiveDeployment | None:
                reads.append(id)
                return await find(active, id)

            monkeypatch.setattr(ActiveDeployments, "find", count)
            for _ in range(5):
                await self._check_once(platform)
            reads_before, probes = len(reads), platform.prober.probes[-5:]
            platform.runtime.listening = ListenMode.OWN_PORT
            platform.prober.failures.clear()

            await self._check_once(platform)

            assert 0 == reads_before
            assert {(instance.port, HealthCheck.TCP)} == {(p.port, p.check) for p in probes}
            assert [instance.deployment_id] == reads
            while await platform.status(instance.deployment_id) is not S.RUNNING:
                platform.clock.advance(1)
                await self._check_once(platform)

    async def test_rounds_only_connect_to_silent_instances_until_they_are_overdue(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with self._starting_silently() as (platform, instance):
            complete_checks = list[InstanceId]()
            check = InstanceRecovery.check

            async def count(
                recovery: InstanceRecovery, active: ActiveDeployment, checked: Instance
            ) -> Instance:
                complete_checks.append(checked.id)
                return await check(recovery, active, checked)

            monkeypatch.setattr(InstanceRecovery, "check", count)
            await platform.worker_services.instance_supervisor.check_all()
            checks_in_time = list(complete_checks)
            platform.clock.advance(RunSettings().health_check_timeout)

            await platform.worker_services.instance_supervisor.check_all()

            assert [] == checks_in_time
            assert [instance.id] == complete_checks
            crashed = await platform.instance(instance.deployment_id)
            assert InstanceState.CRASHED is crashed.state

    async def test_end_of_a_silent_instance_is_noticed_early(self) -> None:
        async with self._starting_silently() as (platform, instance):
            platform.runtime.crash(instance.name, "exited with code 7")

            await self._check_once(platform)

            assert "exited with code 7" == (await platform.instance(instance.deployment_id)).exit

    @pytest.mark.parametrize("check", [HealthCheck.TCP, HealthCheck.NONE])
    async def test_only_http_servers_get_additional_connections(self, check: HealthCheck) -> None:
        async with self._starting_silently(health_check=check) as (platform, _):
            platform.prober.probes.clear()

            await self._check_once(platform)

            assert [] == platform.prober.probes

    @asynccontextmanager
    async def _starting_silently(
        self, health_check: HealthCheck = HealthCheck.HTTP
    ) -> AsyncIterator[tuple[Platform, Instance]]:
        """
        Yield a platform with an instance that was restarted and does not listen.

        The next regular round of checks is an hour away.
        """
        once_an_hour = evolve(OPTIONS.timeouts, supervision_interval=timedelta(hours=1))
        async with open_platform(timeouts=once_an_hour) as platform:
            shop = await platform.project(health_check=health_check)
            deployment = await platform.deploy(shop)
            platform.clock.advance(3600)
            platform.runtime.listening = ListenMode.NOWHERE
            platform.runtime.crash((await platform.instance(deployment.id)).name)
            while (await platform.instance(deployment.id)).state is not InstanceState.STARTING:
                await self._check_once(platform)
            instance = await platform.instance(deployment.id)
            platform.prober.failures[instance.port or 0] = "it refuses connections"
            yield platform, instance

    async def _check_once(self, platform: Platform) -> None:
        supervisor = platform.worker_services.instance_supervisor
        with fail_after(10):
            await supervisor.wait_until_due()
            await supervisor.check_due()

    async def test_check_interval_grows_with_starting_instances(
        self, platform: Platform, shop: Project
    ) -> None:
        new = await platform.instance((await platform.deploy(shop)).id)
        health = instances_of(platform.adapters, OPTIONS).startup_health

        pauses = [
            health.pause_before_next_check(new, concurrent_starts=count)
            for count in (0, 1, 4, 1000)
        ]

        shortest, longest = pauses[0], OPTIONS.timeouts.probe_interval
        assert [shortest, shortest, 4 * shortest, longest] == pauses

    async def test_unresponsive_instance_does_not_block_the_others(self) -> None:
        async with open_platform(options=evolve(OPTIONS, max_concurrent_starts=1)) as platform:
            served = [await platform.deploy(await platform.project(name)) for name in ("a", "b")]
            platform.runtime.listening = ListenMode.NOWHERE
            for deployment in served:
                platform.runtime.vanish((await platform.instance(deployment.id)).name)
            await platform.worker_services.instance_supervisor.check_all()
            await platform.worker_services.instance_supervisor.check_all()
            first = set(platform.runtime.running)
            platform.clock.advance(11)

            await platform.worker_services.instance_supervisor.check_all()

            assert 1 == len(first)
            assert first < set(platform.runtime.running)
