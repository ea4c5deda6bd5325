"""Restarts: new instances of what runs, started before the old ones stop."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint
from tests.services.platform import FAST, Platform

from pushpaka_core.adapters.memory.runtime import Listening, MemoryRuntime
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import Instance, InstanceState
from pushpaka_core.domain.logs import LogLevel
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import (
    ConflictError,
    PlatformFaultError,
    RouterUnavailableError,
    StorageUnavailableError,
)
from pushpaka_core.ports.processes import GONE

pytestmark = pytest.mark.anyio

S = DeploymentStatus
KEPT = "The restart failed, and the old instances serve on."
DRAIN = FAST.drain.total_seconds()


async def ask(platform: Platform, deployment: Deployment) -> Deployment:
    """Ask for a restart."""
    return await platform.application.serving.restart(platform.owner, deployment.id)


async def step(platform: Platform, times: int = 1) -> None:
    """Let the reconciler look."""
    for _ in range(times):
        await platform.engine.restarting.restart()
        await platform.engine.tending.tend()


async def generation(platform: Platform, deployment: Deployment, number: int) -> list[Instance]:
    """Return the instances of one generation."""
    return [i for i in await platform.instances(deployment.id) if i.generation == number]


def ports(instances: Sequence[Instance]) -> set[int | None]:
    """Return where they listen."""
    return {instance.port for instance in instances}


def routed(platform: Platform) -> set[int | None]:
    """Return where requests go."""
    return {*platform.routes()["shop.localhost"]}


class TestARestart:
    async def test_starts_before_it_stops(self, platform: Platform, shop: Project) -> None:
        """The old one has the requests until the new one is healthy, and the row stays the same."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)

        answer = await ask(platform, running)
        await step(platform)

        (new,) = await generation(platform, running, 2)
        assert (running.id, S.RUNNING) == (answer.id, answer.status)
        assert {old.name, new.name} == set(platform.runtime.living)
        assert {old.port} == routed(platform)
        assert new.port != old.port

    async def test_moves_requests_to_the_new_one(self, platform: Platform, shop: Project) -> None:
        """Once the new one is healthy it gets them, and the old one ends what it has begun."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)
        await ask(platform, running)

        await step(platform, times=2)

        (new,) = await generation(platform, running, 2)
        assert {new.port} == routed(platform)
        assert {old.name, new.name} == set(platform.runtime.living)
        assert S.RUNNING is (await platform.row(running.id)).status

    async def test_stops_the_old_one_after_its_drain(
        self, platform: Platform, shop: Project
    ) -> None:
        """It runs to the last second of it, and nothing of it is left then."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)
        await ask(platform, running)
        await step(platform, times=2)
        platform.clock.tick(DRAIN - 1)
        await step(platform)
        until_then = set(platform.runtime.living)

        platform.clock.tick(1)
        await step(platform)

        new = await platform.instance(running.id)
        assert {old.name, new.name} == until_then
        assert {new.name} == set(platform.runtime.living)
        assert await platform.is_tidy()

    async def test_stops_the_old_one_though_the_clock_was_set_back(
        self, platform: Platform, shop: Project
    ) -> None:
        """It does not run on for as long as the clock is behind."""
        running = await platform.served(shop)
        await ask(platform, running)
        await step(platform, times=2)
        platform.clock.jump(-3600)

        await step(platform)

        new = await platform.instance(running.id)
        assert {new.name} == set(platform.runtime.living)

    async def test_is_told_in_the_timeline(self, platform: Platform, shop: Project) -> None:
        """Who looks sees that it was asked for, and when it was done."""
        running = await platform.served(shop)
        await ask(platform, running)

        await step(platform, times=2)

        assert ["A restart was asked for", "Its instances were replaced by new ones"] == (
            await platform.causes(running.id)
        )[-2:]

    async def test_waits_for_every_replica(self, platform: Platform) -> None:
        """Of several new ones all have to be healthy before any gets a request."""
        project = await platform.project("shop", replicas=3)
        running = await platform.served(project)
        old = await platform.instances(running.id)
        await ask(platform, running)
        await step(platform)
        new = await generation(platform, running, 2)
        platform.prober.complaints[new[1].port or 0] = "it answered with status 503"
        await step(platform, times=3)
        meanwhile = routed(platform)

        platform.prober.complaints.clear()
        await step(platform)

        assert 3 == len(new)
        assert ports(old) == meanwhile
        assert ports(new) == routed(platform)

    async def test_serves_with_the_same_env_vars(self, platform: Platform, shop: Project) -> None:
        """What was changed since is for the next deployment."""
        await platform.set_env(shop, COLOUR="red")
        running = await platform.served(shop)
        await platform.set_env(shop, COLOUR="blue")
        await ask(platform, running)

        await step(platform, times=2)

        (new,) = await generation(platform, running, 2)
        assert "red" == platform.runtime.living[new.name].env["COLOUR"]

    async def test_mends_what_keeps_crashing(self, platform: Platform, shop: Project) -> None:
        """New instances that are healthy end the crash; there is no back-off to wait for."""
        running = await platform.served(shop)
        platform.runtime.crash((await platform.instance(running.id)).name)
        await platform.engine.tending.tend()
        await ask(platform, running)

        await step(platform, times=2)

        (new,) = await generation(platform, running, 2)
        assert S.RUNNING is (await platform.row(running.id)).status
        assert {new.port} == routed(platform)

    async def test_leaves_a_preview_and_production_apart(
        self, platform: Platform, shop: Project
    ) -> None:
        """Only what was asked for is restarted."""
        production = await platform.served(shop)
        await platform.queued(shop, target="preview:main")
        preview = await platform.work()
        before = await platform.instance(production.id)
        await ask(platform, preview)

        await step(platform, times=2)

        assert 2 == len(await platform.instances(preview.id))
        assert before == await platform.instance(production.id)


class TestAFailingRestart:
    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            ({"early_exit": "exited with code 3"}, "The web process exited with code 3."),
            ({"failure": PlatformFaultError("No memory is left.")}, "No memory is left."),
            (
                {"listening": Listening.TAKEN},
                "found its port",
            ),
        ],
    )
    async def test_keeps_the_old_ones(
        self, platform: Platform, shop: Project, attributes: dict[str, object], reason: str
    ) -> None:
        """They serve on, and log and timeline say that the restart failed and why."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)
        await ask(platform, running)
        for name, value in attributes.items():
            setattr(platform.runtime, name, value)

        await step(platform, times=3)

        last = (await platform.lines(running.id))[-1]
        assert old == await platform.instance(running.id)
        assert {old.port} == routed(platform)
        assert (S.RUNNING, 1) == (
            (row := await platform.row(running.id)).status,
            row.generation,
        )
        assert LogLevel.ERROR is last.level
        assert KEPT in last.message
        assert reason in last.message
        assert "A restart failed" == (await platform.causes(running.id))[-1]
        assert await platform.is_tidy()

    @pytest.mark.parametrize("set_by", [0, -3600, 3600])
    async def test_is_given_up_after_the_time_of_a_health_check(
        self, platform: Platform, shop: Project, set_by: int
    ) -> None:
        """What does not become healthy is waited for as long as in a deployment, and told so."""
        running = await platform.served(shop)
        await ask(platform, running)
        platform.runtime.listening = Listening.ELSEWHERE
        await step(platform)
        platform.clock.jump(set_by)
        platform.clock.tick(RunSettings.of(shop).health_check_timeout - 1)
        await step(platform)
        until_then = len(platform.runtime.living)

        platform.clock.tick(1)
        await step(platform)

        said = (await platform.said(running.id))[-1]
        assert 2 == until_then
        assert 1 == len(platform.runtime.living)
        assert f"{KEPT} The web process was not healthy within 60 s" in said
        assert "It listens on 8080, but has to on the port that PORT names." in said

    async def test_can_be_repeated(self, platform: Platform, shop: Project) -> None:
        """The next one begins anew."""
        running = await platform.served(shop)
        platform.runtime.early_exit = "exited with code 3"
        await ask(platform, running)
        await step(platform, times=3)
        platform.runtime.early_exit = None

        await ask(platform, running)
        await step(platform, times=2)

        (new,) = await generation(platform, running, 2)
        assert {new.port} == routed(platform)

    async def test_of_one_replica_takes_its_fellows_along(self, platform: Platform) -> None:
        """New ones serve together or not at all."""
        project = await platform.project("shop", replicas=2)
        running = await platform.served(project)
        old = await platform.instances(running.id)
        await ask(platform, running)
        await step(platform)
        platform.runtime.crash((await generation(platform, running, 2))[0].name)

        await step(platform, times=2)

        assert old == await platform.instances(running.id)
        assert ports(old) == routed(platform)
        assert await platform.is_tidy()


class TestARouterOutage:
    async def test_keeps_the_old_ones_alive(self, platform: Platform, shop: Project) -> None:
        """As long as requests may go to them they are not stopped, whatever the clock says."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)
        await ask(platform, running)
        await step(platform)
        platform.router.fail()
        with pytest.raises(RouterUnavailableError):
            await platform.engine.restarting.restart()
        platform.clock.tick(DRAIN)

        with pytest.raises(RouterUnavailableError):
            await platform.engine.restarting.restart()

        assert old.name in platform.runtime.living
        assert {old.port} == routed(platform)

    async def test_ends_with_the_restart(self, platform: Platform, shop: Project) -> None:
        """When the router is back the new ones are routed, and only then the old ones end."""
        running = await platform.served(shop)
        await ask(platform, running)
        await step(platform)
        platform.router.fail()
        with pytest.raises(RouterUnavailableError):
            await platform.engine.restarting.restart()
        platform.clock.tick(DRAIN)
        platform.router.recover()

        await step(platform)

        new = await platform.instance(running.id)
        assert 2 == new.generation
        assert {new.port} == routed(platform)


class TestAKilledPlatform:
    async def test_goes_on_before_the_first_start(self, platform: Platform, shop: Project) -> None:
        """Rows without programs are started by whoever finds them."""
        running = await platform.served(shop)
        await ask(platform, running)
        platform.runtime.failure = StorageUnavailableError("The platform is killed.")
        with pytest.raises(StorageUnavailableError):
            await platform.engine.restarting.restart()
        platform.runtime.failure = None
        (new,) = await generation(platform, running, 2)

        await step(platform, times=2)

        assert {new.port} == routed(platform)
        assert new.name in platform.runtime.living
        assert 2 == len(await platform.instances(running.id))

    @pytest.mark.parametrize(
        "vanish", [MemoryRuntime.lose, partial(MemoryRuntime.crash, exit=GONE)]
    )
    async def test_goes_on_after_the_machine_was_off(
        self, platform: Platform, shop: Project, vanish: Callable[[MemoryRuntime, str], None]
    ) -> None:
        """Both generations are gone, known or not; the new one is brought up all the same."""
        running = await platform.served(shop)
        await ask(platform, running)
        await step(platform)
        for name in platform.runtime.living:
            vanish(platform.runtime, name)

        await step(platform, times=3)

        (new,) = await generation(platform, running, 2)
        assert S.RUNNING is (await platform.row(running.id)).status
        assert {new.port} == routed(platform)

    async def test_is_followed_by_another_reconciler(
        self, platform: Platform, shop: Project
    ) -> None:
        """Nothing of a restart lives in memory: the loops of a new one bring it to its end."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)
        await ask(platform, running)
        await step(platform)

        async with create_task_group() as tasks:
            tasks.start_soon(platform.reconciler().run)
            with fail_after(5):
                while {old.port} == routed(platform):
                    await checkpoint()
            tasks.cancel_scope.cancel()

        (new,) = await generation(platform, running, 2)
        assert {new.port} == routed(platform)
        assert InstanceState.STOPPING is (await generation(platform, running, 1))[0].state


class TestARestartDuringARestart:
    async def test_overtakes_it(self, platform: Platform, shop: Project) -> None:
        """What the first one began is ended, and never gets a request."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)
        await ask(platform, running)
        await step(platform)
        (overtaken,) = await generation(platform, running, 2)

        await ask(platform, running)
        await step(platform)
        meanwhile = routed(platform)
        await step(platform)

        (new,) = await generation(platform, running, 3)
        assert {old.port} == meanwhile
        assert {new.port} == routed(platform)
        assert {old.name, new.name} == set(platform.runtime.living)
        assert overtaken.port not in {
            upstream.port
            for table in platform.router.history
            for route in table.routes
            for upstream in route.upstreams
        }

    async def test_of_which_the_last_fails_keeps_the_old_ones(
        self, platform: Platform, shop: Project
    ) -> None:
        """However many were asked for, what serves is what has served."""
        running = await platform.served(shop)
        old = await platform.instance(running.id)
        await ask(platform, running)
        await step(platform)
        platform.runtime.early_exit = "exited with code 3"
        await ask(platform, running)

        await step(platform, times=3)

        assert old == await platform.instance(running.id)
        assert 1 == (await platform.row(running.id)).generation
        assert {old.port} == routed(platform)
        assert await platform.is_tidy()

    async def test_during_the_drain_waits_for_nothing(
        self, platform: Platform, shop: Project
    ) -> None:
        """Those that drain end in their time, those that serve are replaced again."""
        running = await platform.served(shop)
        await ask(platform, running)
        await step(platform, times=2)
        await ask(platform, running)

        await step(platform, times=2)
        in_the_end = await generation(platform, running, 3)
        platform.clock.tick(DRAIN)
        await step(platform)

        assert ports(in_the_end) == routed(platform)
        assert [3] == [i.generation for i in await platform.instances(running.id)]
        assert await platform.is_tidy()


class TestACrashDuringARestart:
    async def test_of_the_old_one_is_mended(self, platform: Platform, shop: Project) -> None:
        """As long as the new one is not healthy, the old one is looked after."""
        running = await platform.served(shop)
        await ask(platform, running)
        platform.runtime.listening = Listening.NOWHERE
        await step(platform)
        platform.runtime.listening = Listening.AS_TOLD
        (old,) = await generation(platform, running, 1)
        platform.runtime.crash(old.name, "exited with code 9")
        await step(platform)
        crashed = await platform.row(running.id)

        platform.clock.tick(1)
        await step(platform, times=2)

        (mended,) = await generation(platform, running, 1)
        assert S.CRASHED is crashed.status
        assert "The web process exited with code 9. It is being restarted." == crashed.error
        assert S.RUNNING is (await platform.row(running.id)).status
        assert {mended.port} == routed(platform)
        assert mended.id != old.id

    async def test_does_not_keep_the_new_one_waiting(
        self, platform: Platform, shop: Project
    ) -> None:
        """A new one that is healthy takes over whatever the old one does."""
        running = await platform.served(shop)
        await ask(platform, running)
        await step(platform)
        platform.runtime.crash((await generation(platform, running, 1))[0].name)
        await platform.engine.tending.tend()

        await step(platform)

        (new,) = await generation(platform, running, 2)
        assert {new.port} == routed(platform)
        assert S.RUNNING is (await platform.row(running.id)).status


class TestADeploymentDuringARestart:
    async def test_ends_it(self, platform: Platform, shop: Project) -> None:
        """What is replaced begins nothing new, and goes with all that it had."""
        running = await platform.served(shop)
        await ask(platform, running)
        await step(platform)
        platform.commit()

        newer = await platform.served(shop)
        await step(platform, times=3)
        meanwhile = routed(platform)
        platform.clock.tick(DRAIN)
        await platform.engine.reconciliation.stop_drained()

        assert {(await platform.instance(newer.id)).port} == meanwhile == routed(platform)
        assert S.STOPPED is (await platform.row(running.id)).status
        assert [] == list(await platform.instances(running.id))
        assert await platform.is_tidy()

    async def test_is_not_restarted_itself(self, platform: Platform, shop: Project) -> None:
        """A restart means the deployment that it was asked for."""
        running = await platform.served(shop)
        await ask(platform, running)

        newer = await platform.served(shop)
        await step(platform, times=2)

        assert [1] == [i.generation for i in await platform.instances(newer.id)]
        with pytest.raises(ConflictError):
            await ask(platform, running)


async def test_what_is_stopped_meanwhile_is_not_started(platform: Platform, shop: Project) -> None:
    """A stop ends a restart at any moment, and nothing runs afterwards."""
    running = await platform.served(shop)
    await ask(platform, running)
    await step(platform)
    await platform.application.serving.stop(platform.owner, running.id)

    await step(platform)
    await platform.engine.reconciliation.stop_drained()
    await step(platform)

    assert {} == platform.runtime.living
    assert S.STOPPED is (await platform.row(running.id)).status
    assert await platform.is_tidy()
