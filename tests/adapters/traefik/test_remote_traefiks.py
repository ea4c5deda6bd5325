"""Tests two real Traefik routers that fetch their table from the API, one of them with a delay."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import httpx
import pytest
from anyio import Event, create_task_group, fail_after, move_on_after
from attrs import evolve, frozen
from tests.adapters.traefik.conftest import free_entry_points
from tests.adapters.traefik.remote_traefiks import TOKEN, RemoteTraefik, run_remote_traefik, serve
from tests.platform_fixtures import OPTIONS, Platform, open_platform
from tests.suspension import suspend

from pushpaka_core.adapters.traefik.configuration import dynamic_configuration
from pushpaka_core.adapters.traefik.remote_routers import open_traefik_routers
from pushpaka_core.container.application import assemble
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.projects.projects import Project
from pushpaka_http.app import create_app

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@frozen
class Stage:
    """An instance in memory that is served by two Traefik routers."""

    platform: Platform
    traefiks: tuple[RemoteTraefik, RemoteTraefik]


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    directory = tmp_path_factory.mktemp("traefiks")
    first, second = free_entry_points(), free_entry_points()
    urls = [f"http://{each.internal_address}" for each in (first, second)]
    async with AsyncExitStack() as stack:
        # The result for a hanging Traefik must not depend on the speed of this machine.
        opening = open_traefik_routers(urls, deadline=timedelta(minutes=5))
        routers = await stack.enter_async_context(opening)
        memory = await stack.enter_async_context(open_platform())
        adapters = evolve(
            memory.adapters,
            router=routers,
            route_table_text=partial(dynamic_configuration, error_page_addresses=()),
        )
        application = assemble(adapters, OPTIONS)
        platform = evolve(memory, adapters=adapters, application=application)
        await platform.take_node()
        port = await stack.enter_async_context(serve(create_app(application, router_token=TOKEN)))
        yield Stage(
            platform,
            (
                await stack.enter_async_context(run_remote_traefik(directory, first, port)),
                await stack.enter_async_context(run_remote_traefik(directory, second, port)),
            ),
        )


async def deploy_to_commit_point(platform: Platform, project: Project) -> Lease:
    """Take a new deployment to its commit point."""
    await platform.enqueue(project)
    lease = await platform.claim()
    assert await platform.worker_services.pipeline.prepare(lease)
    return lease


@asynccontextmanager
async def suspended(traefik: RemoteTraefik) -> AsyncIterator[None]:
    """Suspend a Traefik until the block ends, as if its machine hung."""
    suspend(traefik.process.pid)
    try:
        yield
    finally:
        traefik.process.send_signal(signal.SIGCONT)


async def test_nothing_drains_while_a_router_lags_behind(stage: Stage) -> None:
    """The cutover waits until the suspended router continues."""
    platform, (quick, slow) = stage.platform, stage.traefiks
    shop = await platform.project("shop")
    old = await platform.deploy(shop)
    lease, before = await deploy_to_commit_point(platform, shop), await _newest_generation(platform)

    switched = Event()

    async def switch_to_next_version() -> None:
        await platform.worker_services.pipeline.finish(lease)
        switched.set()

    with fail_after(60):
        async with create_task_group() as cutover, suspended(slow):
            cutover.start_soon(switch_to_next_version)
            await quick.wait_until_generation(lambda shown: int(shown or 0) > before)
            with move_on_after(0.5):
                await switched.wait()
            meanwhile = (
                await platform.stored_deployment(lease.deployment_id),
                await platform.stored_deployment(old.id),
            )
    afterwards = (
        await platform.stored_deployment(lease.deployment_id),
        await platform.stored_deployment(old.id),
    )

    assert (DeploymentStatus.DEPLOYING, Phase.SWITCH) == (meanwhile[0].status, meanwhile[0].phase)
    assert old == meanwhile[1]
    assert DeploymentStatus.RUNNING is afterwards[0].status
    assert afterwards[1].drain_until is not None


async def test_each_router_reports_unavailable_applications(stage: Stage) -> None:
    """Both routers respond with status 503 and a Retry-After header."""
    platform = stage.platform
    running = await platform.deploy(await platform.project("blog"))
    async with platform.storage.transaction() as uow:
        await uow.instances.remove(await platform.instance(running.id))

    await platform.worker_services.route_publisher.publish()

    for traefik in stage.traefiks:
        url = f"http://{traefik.entry_points.address}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as visitor:
            down = await visitor.get("/", headers={"Host": "blog.localhost"})
            stranger = await visitor.get("/", headers={"Host": "nobody.localhost"})
        assert (503, "5", 404) == (
            down.status_code,
            down.headers["Retry-After"],
            stranger.status_code,
        )


async def _newest_generation(platform: Platform) -> int:
    async with platform.storage.snapshot() as uow:
        return await uow.route_generation()
