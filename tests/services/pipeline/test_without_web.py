"""Deployments of workers alone: they run like others, without a port, a route or an address."""

from collections.abc import Awaitable, Callable

import pytest
from attrs import evolve
from tests.platform_fixtures import FAST, WEB_APP, Platform
from tests.services.instances.test_automatic_rollback import crash, crash_twice, recover
from tests.services.instances.test_scaling import reconcile, scale

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.testing.objects.projects import a_custom_domain

pytestmark = pytest.mark.anyio

S = DeploymentStatus
WORKERS = "bot: ./bot\nmailer: ./mail\n"
WORKER = "worker: ./work\n"


async def deploy(platform: Platform, project: Project, procfile: str) -> Deployment:
    """Deploy a commit with this Procfile."""
    platform.commit(Procfile=procfile)
    return await platform.deploy(project)


async def address(platform: Platform, project: Project) -> str | None:
    """Return the address of the project, as users see it."""
    return (await platform.application.projects.get(platform.owner, project.id)).url


async def test_workers_run_without_a_port_a_route_or_an_address(
    platform: Platform, shop: Project
) -> None:
    assert "http://shop.localhost" == await address(platform, shop)

    running = await deploy(platform, shop, WORKERS)

    instances = await platform.instances(running.id)
    assert [("bot", None), ("mailer", None)] == sorted((i.process_type, i.port) for i in instances)
    assert {} == platform.routes()
    assert [] == platform.prober.probes
    assert await address(platform, shop) is None
    (environment, _) = (each.env for each in platform.runtime.running.values())
    assert {"APP_COMMIT", "APP_DEPLOYMENT"} == environment.keys()


async def test_log_and_timeline_do_not_mention_traffic(platform: Platform, shop: Project) -> None:
    old = await deploy(platform, shop, WORKER)

    new = await deploy(platform, shop, WORKER)

    shown = [*await platform.messages(new.id), *await platform.causes(new.id)]
    shown += await platform.causes(old.id)
    assert (
        "The processes keep running. The deployment has no web process, so it has no address."
        in (shown)
    )
    assert {"The processes are running", "Replaced"} <= set(shown)
    assert not [each for each in shown if "traffic" in each or "requests" in each]


async def test_settings_of_the_web_process_are_reported_as_unused(platform: Platform) -> None:
    project = await platform.project(health_check_path="/up", replicas=3)

    running = await deploy(platform, project, WORKER)

    assert {
        "runs without an address because there is no web process",
        "health check path: /up [project], which has no effect without a web process",
        "replicas: 3 [project], which has no effect without a web process",
    } <= set(await platform.messages(running.id))
    assert 1 == len(await platform.instances(running.id))


async def redeploy(platform: Platform, running: Deployment) -> None:
    await platform.application.deployments.redeploy(platform.owner, running.id)
    await platform.work()


async def roll_back(platform: Platform, running: Deployment) -> None:
    await platform.application.deployments.rollback(platform.owner, running.id)
    await platform.work()


async def restart(platform: Platform, running: Deployment) -> None:
    await platform.application.active_deployments.restart(platform.owner, running.id)
    await reconcile(platform, 3)
    platform.clock.advance(FAST.drain_time.total_seconds())
    await reconcile(platform)


async def stop_and_start(platform: Platform, running: Deployment) -> None:
    await platform.application.active_deployments.stop(platform.owner, running.id)
    await platform.worker_services.reconciler.stop_drained()
    await platform.worker_services.reconciler.repair_routes()
    assert ({}, {}) == (platform.routes(), platform.runtime.running)
    await platform.application.active_deployments.start(platform.owner, running.project_id)
    await platform.work()


async def crash_and_recover(platform: Platform, running: Deployment) -> None:
    await crash(platform, running)
    assert S.CRASHED is await platform.status(running.id)
    await recover(platform, running)


@pytest.mark.parametrize("act", [redeploy, roll_back, restart, stop_and_start, crash_and_recover])
async def test_new_workers_replace_the_old_ones(
    platform: Platform, act: Callable[[Platform, Deployment], Awaitable[None]]
) -> None:
    project = await platform.project(rollback_window=0)
    first = await deploy(platform, project, WORKER)
    (old,) = platform.runtime.running

    await act(platform, first)
    await platform.worker_services.reconciler.stop_drained()

    (new,) = platform.runtime.running
    async with platform.storage.snapshot() as uow:
        target = await uow.targets.find(project, PRODUCTION)
    assert target is not None
    assert S.RUNNING is await platform.status(target.deployment_id)
    assert old != new
    assert ({}, None) == (platform.routes(), await address(platform, project))
    assert await platform.is_cleaned_up()


async def test_replaced_workers_are_not_drained(platform: Platform) -> None:
    """They have no open requests, but they run until the new workers have proved to be healthy."""
    project = await platform.project(rollback_window=0)
    old = await deploy(platform, project, WORKER)

    new = await deploy(platform, project, WORKER)
    before = {each.instance.deployment_id for each in platform.runtime.running.values()}
    await platform.worker_services.reconciler.stop_drained()

    after = {each.instance.deployment_id for each in platform.runtime.running.values()}
    assert ({old.id, new.id}, {new.id}) == (before, after)


async def test_routes_come_and_go_with_the_web_process(platform: Platform, shop: Project) -> None:
    async with platform.storage.transaction() as uow:
        domain = a_custom_domain(shop, domain="shop.example", verified_at=platform.clock.now)
        await uow.custom_domains.add(domain)
    web = await platform.deploy(shop)
    before = await address(platform, shop)

    await deploy(platform, shop, WORKER)
    await platform.worker_services.reconciler.repair_routes()
    without = (platform.routes(), await address(platform, shop))
    await deploy(platform, shop, WEB_APP["Procfile"])

    assert ({}, None) == without
    assert {"shop.localhost", "shop.example"} < platform.routes().keys()
    assert (before, 3) == (await address(platform, shop), len(platform.routes()))
    assert web.has_web


@pytest.mark.parametrize("previous", [WORKER, WEB_APP["Procfile"]])
async def test_crashing_workers_are_rolled_back(
    platform: Platform, shop: Project, previous: str
) -> None:
    old = await deploy(platform, shop, previous)
    new = await deploy(platform, shop, WORKER)

    await crash_twice(platform, new)

    failed = await platform.stored_deployment(new.id)
    assert (S.FAILED, Phase.RUN) == (failed.status, failed.phase)
    assert "The worker process exited with code 1. It crashed twice" in (failed.error or "")
    assert (S.RUNNING, old.has_web) == (await platform.status(old.id), bool(platform.routes()))
    assert old.has_web is (await address(platform, shop) is not None)


async def test_a_worker_that_ends_at_once_fails_the_deployment(
    platform: Platform, shop: Project
) -> None:
    platform.runtime.early_exit = "exited with code 1"

    failed = await deploy(platform, shop, WORKER)

    assert (S.FAILED, Phase.START) == (failed.status, failed.phase)
    assert "The worker process exited with code 1." in (failed.error or "")
    assert await platform.is_cleaned_up()


async def test_replicas_do_not_apply(platform: Platform, shop: Project) -> None:
    running = await deploy(platform, shop, WORKER)
    present = await platform.instances(running.id)

    await scale(platform, shop, 3)
    await reconcile(platform)

    assert present == await platform.instances(running.id)


async def test_a_preview_has_no_address_either(platform: Platform, shop: Project) -> None:
    platform.commit(Procfile=WORKER)
    await platform.enqueue(shop, target="preview:main")
    preview = await platform.work()

    urls = platform.application.addresses
    assert ({}, None) == (platform.routes(), urls.app_url(preview))
    with_web = evolve(preview, has_web=True)
    assert f"http://shop--{preview.id.hex[:8]}.localhost" == urls.app_url(with_web)
