"""The health of the platform: every part by itself, and the one without which nothing works."""

from datetime import timedelta

import pytest
from anyio import (
    Event,
    create_task_group,
    move_on_after,
    sleep_forever,
    wait_all_tasks_blocked,
)
from attrs import evolve
from tests.services.platform import OPTIONS, Platform

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.application import assemble
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.domain.nodes import Node
from pushpaka_core.errors import RouterUnavailableError, SettingsError
from pushpaka_core.parts import Options
from pushpaka_core.services.health import ELSEWHERE, HealthCheck, HealthService, SharedCheck

pytestmark = pytest.mark.anyio


async def well() -> None:
    """Find nothing wrong."""


async def router_is_down() -> None:
    raise RouterUnavailableError("The router does not answer.")


async def router_is_elsewhere() -> object:
    return ELSEWHERE


async def schema_is_old() -> None:
    raise SettingsError("The schema is older.")


def a_service(
    storage: MemoryStorage, *needed: HealthCheck, **checks: HealthCheck | None
) -> HealthService:
    return HealthService(
        version="1.2.3",
        checks={"database": storage.check, **checks},
        needed=needed,
    )


class TestCheck:
    async def test_tells_of_every_part(self) -> None:
        """A part works, does not work, or is not used here."""
        service = a_service(MemoryStorage(), workers=well, router=router_is_down, redis=None)

        health = await service.check()

        assert (True, "1.2.3") == (health.is_ok, health.version)
        assert {"database": True, "workers": True, "router": False, "redis": None} == health.checks

    async def test_judges_nothing_that_is_elsewhere(self) -> None:
        """What cannot be asked from here is as what is not used here."""
        health = await a_service(MemoryStorage(), router=router_is_elsewhere).check()

        assert {"database": True, "router": None} == health.checks

    @pytest.mark.parametrize(("is_routed", "works"), [(True, True), (False, None)])
    async def test_does_not_ask_for_a_router_where_there_is_none(
        self, *, is_routed: bool, works: bool | None
    ) -> None:
        """Nobody is told that a router works which the instance was told to do without."""
        application = assemble(evolve(memory_adapters(), is_routed=is_routed), Options())

        health = await application.health.check()

        assert works is health.checks["router"]

    async def test_is_not_ok_without_the_database(self) -> None:
        """Where the database is down, so is the platform."""
        storage = MemoryStorage()
        storage.fail()

        health = await a_service(storage, workers=well).check()

        assert not health.is_ok
        assert {"database": False, "workers": True} == health.checks

    async def test_does_not_wait_for_ever(self) -> None:
        """A part that does not answer in time does not work."""
        silent = SharedCheck(sleep_forever, timedelta(milliseconds=50))

        health = await a_service(MemoryStorage(), router=silent).check()

        assert {"database": True, "router": False} == health.checks


class TestARouterThatIsDown:
    async def test_is_missed_on_its_node(self, platform: Platform) -> None:
        """Whoever shares a node with the workers asks for the router that they keep there."""
        await platform.engine.attendance.settle()
        platform.router.fail()

        health = await platform.application.health.check()

        assert health.checks["router"] is False

    async def test_is_nothing_to_an_api_on_another_machine(self, platform: Platform) -> None:
        """There no router can be asked, before any worker began and afterwards."""
        there = evolve(OPTIONS, node=Node(runtime="memory", name="there"))
        application = assemble(platform.adapters, there)
        platform.router.fail()

        before = await application.health.check()
        await platform.engine.attendance.settle()
        after = await application.health.check()

        assert before.checks["router"] is after.checks["router"] is None

    async def test_is_missed_everywhere_if_all_can_ask_it(self, platform: Platform) -> None:
        """Routers that fetch their table show it to every machine."""
        application = assemble(evolve(platform.adapters, route_table_text=str), OPTIONS)
        platform.router.fail()

        health = await application.health.check()

        assert health.checks["router"] is False


class TestIsReady:
    async def test_needs_the_database_alone(self) -> None:
        """A process is ready when its database answers, whatever else is down."""
        assert await a_service(MemoryStorage(), router=router_is_down).is_ready()

    async def test_is_not_without_the_database(self) -> None:
        """Without a database nothing can be served."""
        storage = MemoryStorage()
        storage.fail()

        assert not await a_service(storage).is_ready()

    async def test_is_not_without_what_is_needed(self) -> None:
        """An old schema keeps a process from being ready."""
        assert not await a_service(MemoryStorage(), well, schema_is_old).is_ready()


class TestSharedCheck:
    async def test_is_made_once_for_a_crowd(self) -> None:
        """All who ask while it is made get its answer, be it good or bad; others do not."""
        made: list[None] = []
        let_go = Event()

        async def check() -> None:
            made.append(None)
            await let_go.wait()
            raise RouterUnavailableError("The router does not answer.")

        async def ask() -> None:
            with pytest.raises(RouterUnavailableError):
                await shared()

        shared = SharedCheck(check, timedelta(minutes=1))
        async with create_task_group() as crowd:
            for _ in range(100):
                crowd.start_soon(ask)
            await wait_all_tasks_blocked()
            let_go.set()
        assert 1 == len(made)

        await ask()
        assert 2 == len(made)

    async def test_goes_on_where_who_asked_first_has_left(self) -> None:
        """The others wait for a check of their own."""
        made: list[None] = []

        async def check() -> object:
            made.append(None)
            if len(made) == 1:
                await sleep_forever()
            return ELSEWHERE

        shared = SharedCheck(check, timedelta(minutes=1))
        async with create_task_group() as crowd:
            crowd.start_soon(shared)
            await wait_all_tasks_blocked()
            with move_on_after(0.05):
                await shared()
            crowd.cancel_scope.cancel()

        assert ELSEWHERE is await shared()
        assert 2 == len(made)
