"""Instances that serve: watched, restarted with a growing pause, and called what they are."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.services.platform import Platform

from pushpaka_core.adapters.memory.runtime import Listening, MemoryRuntime
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import MOST_MISSES, STEADY_AFTER, Instance, InstanceState
from pushpaka_core.domain.logs import LogLevel
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import PlatformFaultError, RouterUnavailableError, RuntimeUnavailableError

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def crash(platform: Platform, deployment: Deployment, exit_: str) -> None:
    """Let the deployment's only instance end, and be seen."""
    platform.runtime.crash((await platform.instance(deployment.id)).name, exit_)
    await platform.engine.tending.tend()


async def restart(platform: Platform, deployment: Deployment) -> None:
    """Let the pause pass, and the instance start and answer."""
    instance = await platform.instance(deployment.id)
    assert instance.restart_at is not None
    platform.clock.now = instance.restart_at
    await platform.engine.tending.tend()
    await platform.engine.tending.tend()


def silence(platform: Platform, instance: Instance) -> None:
    """Let an instance answer nobody."""
    platform.prober.complaints[instance.port or 0] = "it did not answer within 5 s"


def rob(platform: Platform, instance: Instance) -> None:
    """Let somebody else listen on the port of an instance."""
    platform.runtime.rob(instance.name)


class TestACrash:
    async def test_is_called_crashed(self, platform: Platform, shop: Project) -> None:
        """The deployment says what ended and how, in its row, its log and its timeline."""
        running = await platform.served(shop)

        await crash(platform, running, "exited with code 137")

        crashed = await platform.row(running.id)
        assert (S.CRASHED, "The web process exited with code 137. It is being restarted.") == (
            crashed.status,
            crashed.error,
        )
        last = (await platform.lines(running.id))[-1]
        assert (
            LogLevel.ERROR,
            "The web process exited with code 137. It is started again in 1 s.",
        ) == (
            last.level,
            last.message,
        )
        assert crashed.error == (await platform.causes(running.id))[-1]

    async def test_is_mended_after_a_pause(self, platform: Platform, shop: Project) -> None:
        """It is started again on a port that is free, and runs again as soon as it answers."""
        running = await platform.served(shop)
        await crash(platform, running, "exited with code 1")
        await platform.engine.tending.tend()
        still_crashed = await platform.row(running.id)

        await restart(platform, running)

        after = await platform.instance(running.id)
        assert S.CRASHED is still_crashed.status
        assert (S.RUNNING, None) == ((row := await platform.row(running.id)).status, row.error)
        assert InstanceState.LIVE is after.state
        assert [after.name] == list(platform.runtime.living)
        assert (after.port,) == platform.routes()["shop.localhost"]
        assert await platform.is_tidy()

    async def test_after_crash_waits_longer_each_time(
        self, platform: Platform, shop: Project
    ) -> None:
        """1 s, 2 s, 4 s and so on, and from the beginning after a steady time."""
        running = await platform.served(shop)
        pauses = []
        for _ in range(4):
            await crash(platform, running, "exited with code 1")
            instance = await platform.instance(running.id)
            pauses.append(
                ((instance.restart_at or platform.clock.now) - platform.clock.now).seconds
            )
            await restart(platform, running)
        platform.clock.tick(STEADY_AFTER.total_seconds())

        await crash(platform, running, "exited with code 1")

        assert [1, 2, 4, 8] == pauses
        assert "It is started again in 1 s." in (await platform.said(running.id))[-1]

    async def test_at_every_start_goes_on_without_end(
        self, platform: Platform, shop: Project
    ) -> None:
        """A program that ends whenever it begins is said to, in one sentence each time."""
        running = await platform.served(shop)
        platform.runtime.early_exit = "exited with code 3"
        await crash(platform, running, "exited with code 1")

        await restart(platform, running)

        assert S.CRASHED is (await platform.row(running.id)).status
        assert (
            "The web process exited with code 3. It is started again in 2 s."
            == (await platform.said(running.id))[-1]
        )

    async def test_without_a_trace_is_one_too(self, platform: Platform, shop: Project) -> None:
        """What vanished, as by a reboot, is started again."""
        running = await platform.served(shop)
        platform.runtime.lose((await platform.instance(running.id)).name)
        await platform.engine.tending.tend()

        await restart(platform, running)

        assert S.RUNNING is (await platform.row(running.id)).status

    async def test_is_mended_though_the_clock_was_set_back(
        self, platform: Platform, shop: Project
    ) -> None:
        """Nobody waits for an hour because a pause of a second ends in one."""
        running = await platform.served(shop)
        await crash(platform, running, "exited with code 1")
        platform.clock.jump(-3600)

        await platform.engine.tending.tend()
        await platform.engine.tending.tend()

        assert S.RUNNING is (await platform.row(running.id)).status

    async def test_of_one_replica_leaves_the_others_serving(self, platform: Platform) -> None:
        """Requests go to who is left, and the deployment is called running."""
        project = await platform.project(replicas=2)
        running = await platform.served(project)
        first, second = await platform.instances(running.id)
        platform.runtime.crash(first.name)

        await platform.engine.tending.tend()

        assert S.RUNNING is (await platform.row(running.id)).status
        assert (second.port,) == platform.routes()["shop.localhost"]

    async def test_of_a_worker_is_one_of_the_deployment(
        self, platform: Platform, shop: Project
    ) -> None:
        """A process type of which nothing lives makes the deployment crashed; `web` serves on."""
        platform.commit(Procfile="web: ./serve\nworker: ./work\n")
        running = await platform.served(shop)
        (worker,) = [i for i in await platform.instances(running.id) if i.process_type == "worker"]
        platform.runtime.crash(worker.name)

        await platform.engine.tending.tend()

        assert S.CRASHED is (await platform.row(running.id)).status
        assert 1 == len(platform.routes()["shop.localhost"])

    async def test_while_it_drains_is_left(self, platform: Platform, shop: Project) -> None:
        """Nobody starts again what was replaced."""
        old = await platform.served(shop)
        await platform.served(shop)

        await crash(platform, old, "exited with code 1")

        assert S.RUNNING is (await platform.row(old.id)).status

    async def test_that_cannot_be_restarted_is_tried_again(
        self, platform: Platform, shop: Project
    ) -> None:
        """A host that is at fault when an instance is started again gets another try later."""
        running = await platform.served(shop)
        await crash(platform, running, "exited with code 1")
        platform.runtime.failure = PlatformFaultError("No process is left.")
        await restart(platform, running)
        platform.runtime.failure = None

        await restart(platform, running)

        assert S.RUNNING is (await platform.row(running.id)).status

    async def test_while_the_runtime_is_away_waits_and_is_no_further_crash(
        self, platform: Platform, shop: Project
    ) -> None:
        """Nobody waits longer for an instance because nobody could start it meanwhile."""
        running = await platform.served(shop)
        await crash(platform, running, "exited with code 1")
        crashed = await platform.instance(running.id)
        platform.runtime.is_away = True
        with pytest.raises(RuntimeUnavailableError):
            await restart(platform, running)
        meanwhile = await platform.instance(running.id)
        platform.runtime.is_away = False

        await restart(platform, running)

        assert crashed == meanwhile
        assert S.RUNNING is (await platform.row(running.id)).status

    async def test_while_the_router_is_away_is_settled_later(
        self, platform: Platform, shop: Project
    ) -> None:
        """What could not be routed in the same round is so in a later one."""
        running = await platform.served(shop)
        platform.router.fail()
        with pytest.raises(RouterUnavailableError):
            await crash(platform, running, "exited with code 1")
        platform.router.recover()

        await platform.engine.tending.tend()
        await platform.engine.reconciliation.mend_routes()

        assert S.CRASHED is (await platform.row(running.id)).status
        assert () == platform.routes()["shop.localhost"]

    async def test_of_one_application_does_not_hold_up_another(
        self, platform: Platform, shop: Project
    ) -> None:
        """An error about one deployment leaves the others tended."""
        blog = await platform.served(await platform.project("blog"))
        await crash(platform, blog, "exited with code 1")
        running = await platform.served(shop)
        platform.runtime.crash((await platform.instance(running.id)).name)
        platform.router.fail()
        platform.clock.tick(1)

        with pytest.raises(RouterUnavailableError):
            await platform.engine.tending.tend()

        assert InstanceState.STARTING is (await platform.instance(blog.id)).state


class TestLiveness:
    async def test_three_misses_end_an_instance(self, platform: Platform, shop: Project) -> None:
        """One that lives and does not answer is ended and started again."""
        running = await platform.served(shop)
        silence(platform, await platform.instance(running.id))

        for _ in range(MOST_MISSES):
            assert S.RUNNING is (await platform.row(running.id)).status
            await platform.engine.tending.check_liveness()

        assert S.CRASHED is (await platform.row(running.id)).status
        assert {} == platform.runtime.living
        assert (
            "The web process did not answer 3 probes and was ended (it did not answer within 5 s)."
            " It is started again in 1 s."
        ) == (await platform.said(running.id))[-1]

    @pytest.mark.parametrize("spoil", [silence, rob])
    async def test_requests_go_elsewhere_before_one_is_ended(
        self,
        platform: Platform,
        shop: Project,
        spoil: Callable[[Platform, Instance], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Its end may take the whole grace, in which nobody is to wait for it."""
        running = await platform.served(shop)
        instance = await platform.instance(running.id)
        spoil(platform, instance)
        led_to_it = []
        stop = MemoryRuntime.stop

        async def observed(runtime: MemoryRuntime, name: str, /, *, grace: timedelta) -> None:
            led_to_it.append((instance.port,) in platform.routes().values())
            await stop(runtime, name, grace=grace)

        monkeypatch.setattr(MemoryRuntime, "stop", observed)

        for _ in range(MOST_MISSES):
            await platform.engine.tending.check_liveness()

        assert [False] == led_to_it

    async def test_misses_that_are_not_in_a_row_are_forgiven(
        self, platform: Platform, shop: Project
    ) -> None:
        """One good answer counts them from the beginning."""
        running = await platform.served(shop)
        port = (await platform.instance(running.id)).port or 0

        for is_missing in (True, True, False, True, True):
            platform.prober.complaints = {port: "no answer"} if is_missing else {}
            await platform.engine.tending.check_liveness()

        assert 2 == (await platform.instance(running.id)).misses
        assert S.RUNNING is (await platform.row(running.id)).status

    async def test_another_program_does_not_answer_in_its_place(
        self, platform: Platform, shop: Project
    ) -> None:
        """One that lives, but left its port to somebody else, is started again on another."""
        running = await platform.served(shop)
        robbed = await platform.instance(running.id)
        rob(platform, robbed)

        await platform.engine.tending.check_liveness()

        assert S.CRASHED is (await platform.row(running.id)).status
        assert () == platform.routes()["shop.localhost"]
        assert (
            f"The web process found its port {robbed.port} taken by another program."
            " It is started again in 1 s."
        ) == (await platform.said(running.id))[-1]

    async def test_who_takes_too_much_is_ended(self, platform: Platform, shop: Project) -> None:
        """What nothing else bounds is looked at with each probe."""
        running = await platform.served(shop)
        greedy = await platform.instance(running.id)
        platform.runtime.excesses[greedy.name] = "wrote more than its limit of 10240 MiB"

        await platform.engine.tending.check_liveness()

        assert S.CRASHED is (await platform.row(running.id)).status
        assert {} == platform.runtime.living
        assert (
            "The web process wrote more than its limit of 10240 MiB. It is started again in 1 s."
        ) == (await platform.said(running.id))[-1]

    async def test_is_not_asked_of_who_starts(self, platform: Platform, shop: Project) -> None:
        """Only live instances are probed for their liveness."""
        running = await platform.served(shop)
        await crash(platform, running, "exited with code 1")
        probes = len(platform.prober.probes)

        await platform.engine.tending.check_liveness()

        assert probes == len(platform.prober.probes)


@pytest.mark.parametrize("set_by", [0, -3600, 3600])
async def test_a_restarted_instance_has_the_projects_patience(
    platform: Platform, shop: Project, set_by: int
) -> None:
    """One that does not answer after a restart is given its time, however clocks are set."""
    running = await platform.served(shop)
    await crash(platform, running, "exited with code 1")
    platform.runtime.listening = Listening.NOWHERE
    await restart(platform, running)
    platform.clock.jump(set_by)
    platform.clock.tick(RunSettings.of(shop).health_check_timeout - 1)
    await platform.engine.tending.tend()
    patient = await platform.instance(running.id)
    platform.clock.tick(1)

    await platform.engine.tending.tend()

    assert InstanceState.STARTING is patient.state
    assert (
        "The web process was not healthy in time (nothing listens on its port)."
        in (await platform.said(running.id))[-1]
    )
