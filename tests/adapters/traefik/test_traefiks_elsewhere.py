"""Two real Traefiks that fetch their table from the API, and one of them that lags behind."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from anyio import Event, create_task_group, fail_after, move_on_after
from attrs import evolve, frozen
from tests.adapters.traefik.conftest import free_entry_points
from tests.adapters.traefik.elsewhere import TOKEN, Elsewhere, served, traefik_elsewhere
from tests.services.platform import OPTIONS, Platform, open_platform

from pushpaka_core.adapters.traefik.configuration import dynamic_configuration
from pushpaka_core.adapters.traefik.routers import open_traefik_routers
from pushpaka_core.application import assemble
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.projects import Project
from pushpaka_http.app import create_app

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@frozen
class Stage:
    """A platform in memory whose routers are two Traefiks."""

    platform: Platform
    traefiks: tuple[Elsewhere, Elsewhere]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    first, second = free_entry_points(), free_entry_points()
    urls = [f"http://{each.internal_address}" for each in (first, second)]
    async with AsyncExitStack() as stack:
        # What is told of a Traefik that hangs has nothing to do with how long this machine takes.
        opening = open_traefik_routers(urls, deadline=timedelta(minutes=5))
        routers = await stack.enter_async_context(opening)
        memory = await stack.enter_async_context(open_platform())
        adapters = evolve(
            memory.adapters,
            router=routers,
            route_table_text=partial(dynamic_configuration, page=None),
        )
        application = assemble(adapters, OPTIONS)
        platform = evolve(memory, adapters=adapters, application=application)
        await platform.take_node()
        port = await stack.enter_async_context(served(create_app(application, router_token=TOKEN)))
        yield Stage(
            platform,
            (
                await stack.enter_async_context(traefik_elsewhere(tmp_path, first, port)),
                await stack.enter_async_context(traefik_elsewhere(tmp_path, second, port)),
            ),
        )


async def committed(platform: Platform, project: Project) -> Lease:
    """Take a new deployment to its commit point."""
    await platform.queued(project)
    lease = await platform.claimed()
    assert await platform.engine.pipeline.prepare(lease)
    return lease


@asynccontextmanager
async def paused(traefik: Elsewhere) -> AsyncIterator[None]:
    """Stop a Traefik for the block: its machine hangs."""
    traefik.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        traefik.process.send_signal(signal.SIGCONT)


async def test_nothing_drains_while_a_router_lags_behind(stage: Stage) -> None:
    """One router has the new table and the other hangs: only when that has it too, one drains."""
    platform, (quick, slow) = stage.platform, stage.traefiks
    shop = await platform.project("shop")
    old = await platform.served(shop)
    lease, before = await committed(platform, shop), await _generation(platform)

    switched = Event()

    async def switch() -> None:
        await platform.engine.pipeline.finish(lease)
        switched.set()

    with fail_after(60):
        async with create_task_group() as switching, paused(slow):
            switching.start_soon(switch)
            await quick.until_it_shows(lambda shown: int(shown or 0) > before)
            with move_on_after(0.5):
                await switched.wait()
            meanwhile = await platform.row(lease.deployment_id), await platform.row(old.id)
    afterwards = await platform.row(lease.deployment_id), await platform.row(old.id)

    assert (DeploymentStatus.DEPLOYING, Phase.SWITCH) == (meanwhile[0].status, meanwhile[0].phase)
    assert old == meanwhile[1]
    assert DeploymentStatus.RUNNING is afterwards[0].status
    assert afterwards[1].drain_until is not None


async def test_what_is_down_is_said_to_be_by_each_router(stage: Stage) -> None:
    """Without the platform's own page there is a 503 all the same, and when to come again."""
    platform = stage.platform
    running = await platform.served(await platform.project("shop"))
    async with platform.storage.transaction() as uow:
        await uow.instances.remove(await platform.instance(running.id))

    await platform.engine.routing.publish()

    for traefik in stage.traefiks:
        url = f"http://{traefik.entry_points.address}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as visitor:
            down = await visitor.get("/", headers={"Host": "shop.localhost"})
            stranger = await visitor.get("/", headers={"Host": "nobody.localhost"})
        assert (503, "5", 404) == (
            down.status_code,
            down.headers["Retry-After"],
            stranger.status_code,
        )


async def _generation(platform: Platform) -> int:
    async with platform.storage.snapshot() as uow:
        return await uow.generation()
