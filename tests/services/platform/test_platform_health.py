"""Health and readiness of the platform and of its components."""

from datetime import timedelta

import pytest
from anyio import Event, create_task_group, sleep_forever, wait_all_tasks_blocked
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.bootstrap import memory_adapters
from pushpaka_core.container.adapters import Options
from pushpaka_core.container.application import assemble
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.errors import RouterUnavailableError, SettingsError
from pushpaka_core.services.platform.platform_health import (
    NOT_CHECKED,
    HealthCheck,
    HealthService,
    SharedCheck,
)

pytestmark = pytest.mark.anyio


async def healthy() -> None:
    """Return without an error, as the check of a healthy component does."""


async def router_is_down() -> None:
    raise RouterUnavailableError("The router does not respond.")


async def router_is_elsewhere() -> object:
    return NOT_CHECKED


async def schema_is_old() -> None:
    raise SettingsError("The schema is older.")


def create_health_service(
    storage: MemoryStorage, *readiness_checks: HealthCheck, **checks: HealthCheck | None
) -> HealthService:
    return HealthService(
        version="1.2.3",
        checks={"database": storage.check, **checks},
        readiness_checks=readiness_checks,
    )


class TestCheck:
    async def test_reports_every_component(self) -> None:
        service = create_health_service(
            MemoryStorage(), workers=healthy, router=router_is_down, redis=None
        )

        health = await service.check()

        assert (True, "1.2.3") == (health.is_ok, health.version)
        assert {"database": True, "workers": True, "router": False, "redis": None} == health.checks

    async def test_reports_none_for_unreachable_components(self) -> None:
        health = await create_health_service(MemoryStorage(), router=router_is_elsewhere).check()

        assert {"database": True, "router": None} == health.checks

    @pytest.mark.parametrize(("is_routed", "expected_result"), [(True, True), (False, None)])
    async def test_does_not_check_a_disabled_router(
        self, *, is_routed: bool, expected_result: bool | None
    ) -> None:
        application = assemble(evolve(memory_adapters(), has_router=is_routed), Options())

        health = await application.health.check()

        assert expected_result is health.checks["router"]

    async def test_database_outage_is_reported(self) -> None:
        storage = MemoryStorage()
        storage.fail()

        health = await create_health_service(storage, workers=healthy).check()

        assert not health.is_ok
        assert {"database": False, "workers": True} == health.checks

    async def test_times_out(self) -> None:
        silent = SharedCheck(sleep_forever, timedelta(milliseconds=50))

        health = await create_health_service(MemoryStorage(), router=silent).check()

        assert {"database": True, "router": False} == health.checks


class TestRouterDown:
    async def test_is_reported_on_its_node(self, platform: Platform) -> None:
        await platform.worker_services.worker_registry.claim_node()
        platform.router.fail()

        health = await platform.application.health.check()

        assert health.checks["router"] is False

    async def test_is_not_reported_by_an_api_on_another_machine(self, platform: Platform) -> None:
        there = evolve(OPTIONS, node=Node(runtime="memory", name="there"))
        application = assemble(platform.adapters, there)
        platform.router.fail()

        before = await application.health.check()
        await platform.worker_services.worker_registry.claim_node()
        after = await application.health.check()

        assert before.checks["router"] is after.checks["router"] is None

    async def test_is_reported_everywhere_if_reachable(self, platform: Platform) -> None:
        application = assemble(evolve(platform.adapters, route_table_text=str), OPTIONS)
        platform.router.fail()

        health = await application.health.check()

        assert health.checks["router"] is False


class TestIsReady:
    @pytest.mark.parametrize(
        ("readiness_checks", "is_up", "is_ready"),
        [((), True, True), ((), False, False), ((healthy, schema_is_old), True, False)],
    )
    async def test_requires_the_database_and_readiness_checks(
        self, readiness_checks: tuple[HealthCheck, ...], *, is_up: bool, is_ready: bool
    ) -> None:
        storage = MemoryStorage()
        if not is_up:
            storage.fail()

        assert (
            is_ready
            is await create_health_service(
                storage, *readiness_checks, router=router_is_down
            ).is_ready()
        )


class TestSharedCheck:
    async def test_runs_once_for_concurrent_callers(self) -> None:
        made: list[None] = []
        let_go = Event()

        async def check() -> None:
            made.append(None)
            await let_go.wait()
            raise RouterUnavailableError("The router does not respond.")

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

    async def test_continues_after_the_first_caller_is_canceled(self) -> None:
        made: list[None] = []

        async def check() -> object:
            made.append(None)
            if len(made) == 1:
                await sleep_forever()
            return NOT_CHECKED

        shared = SharedCheck(check, timedelta(minutes=1))
        async with create_task_group() as crowd:
            crowd.start_soon(shared)
            await wait_all_tasks_blocked()
            crowd.start_soon(shared)
            await wait_all_tasks_blocked()
            crowd.cancel_scope.cancel()

        assert NOT_CHECKED is await shared()
        assert 2 == len(made)
