"""Previews end with their branch, when they are idle, and when there are too many."""

import pytest
from tests.platform_fixtures import Platform
from tests.services.deployment_states import PREVIEW, DeploymentCase, one_case_per_row, open_case
from tests.webhook_deliveries import branch_deleted

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import FINAL, DeploymentStatus
from pushpaka_core.domain.integrations.webhooks import GitProvider, NewWebhook
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import ConflictError
from pushpaka_core.services.deployments.webhook_deliveries import DeliveryResult

pytestmark = pytest.mark.anyio

S = DeploymentStatus
DAY = 24 * 60 * 60
SCENES = [scene for scene in one_case_per_row() if scene.target == PREVIEW]


async def delete_branch(
    platform: Platform, project: Project, branch: str = "next"
) -> DeliveryResult:
    """Deliver a webhook that reports the deletion of a branch."""
    new = NewWebhook(project_id=project.id, provider=GitProvider.GITHUB, previews=True)
    issued = await platform.application.webhooks.add(platform.owner, new)
    delivery = branch_deleted(GitProvider.GITHUB, branch)
    return await platform.application.deliveries.receive(
        issued.webhook.id, delivery.lower_case_headers(issued.secret), delivery.body
    )


async def deploy_preview(platform: Platform, project: Project, branch: str = "next") -> Deployment:
    """Deploy *branch* to its preview, and return the finished deployment."""
    await platform.enqueue(project, target=f"preview:{branch}")
    return await platform.work()


async def reconcile(platform: Platform) -> None:
    """Run the reconciler's steps that concern previews once."""
    await platform.worker_services.reconciler.finish_cutovers()
    await platform.worker_services.reconciler.stop_drained()
    await platform.worker_services.garbage_collector.collect()
    await platform.worker_services.reconciler.repair_routes()


async def target_names(platform: Platform, project: Project) -> list[str]:
    """Return the names of the targets of *project*."""
    async with platform.storage.snapshot() as uow:
        return [target.name for target in await uow.targets.of_projects([project])]


async def statuses(platform: Platform, *deployments: Deployment) -> list[DeploymentStatus]:
    """Return the current status of each of *deployments*."""
    return [await platform.status(deployment.id) for deployment in deployments]


@pytest.mark.parametrize("deployment_case", SCENES, ids=str)
async def test_nothing_is_left_of_an_ended_preview(deployment_case: DeploymentCase) -> None:
    async with open_case(deployment_case) as stage:
        platform, production = stage.platform, stage.production
        assert production is not None

        await delete_branch(platform, stage.project)
        await stage.run_to_completion()

        others = [stage.deployment, *([stage.other] if stage.other else [])]
        assert set(await statuses(platform, *others)) <= FINAL
        assert [S.RUNNING] == await statuses(platform, production)
        assert [PRODUCTION] == await target_names(platform, stage.project)
        assert [production.id] == [each.deployment_id for each in await platform.instances()]
        assert [production.id] == [each.deployment_id for each in await platform.releases()]
        own = f"{stage.project.slug}--{production.id.hex[:8]}.localhost"
        assert {f"{stage.project.slug}.localhost", own} == set(platform.routes()) - {
            "api.localhost"
        }
        assert await platform.is_cleaned_up()


async def test_the_end_of_a_preview_is_published(platform: Platform, shop: Project) -> None:
    ended = await deploy_preview(platform, shop)

    receipt = await delete_branch(platform, shop)
    await reconcile(platform)
    again = await delete_branch(platform, shop)

    assert ("Stopped preview:next.", []) == (receipt.message, receipt.deployment_ids)
    assert "There is no preview:next to stop." == again.message
    assert ["The branch was deleted, or the pull request was closed", "The preview has ended"] == (
        await platform.causes(ended.id)
    )[-2:]


async def test_ended_preview_can_be_created_again(platform: Platform, shop: Project) -> None:
    await deploy_preview(platform, shop)
    await delete_branch(platform, shop)
    await reconcile(platform)

    anew = await deploy_preview(platform, shop)

    assert S.RUNNING is anew.status
    assert [PREVIEW] == await target_names(platform, shop)


async def test_an_ended_preview_cannot_be_promoted(platform: Platform, shop: Project) -> None:
    lasting, ended = (
        await deploy_preview(platform, shop, "a"),
        await deploy_preview(platform, shop, "b"),
    )
    await delete_branch(platform, shop, "b")
    await reconcile(platform)

    promoted = await platform.application.deployments.promote(platform.owner, lasting.id)

    assert PRODUCTION == promoted.target
    assert S.RUNNING is (await platform.work()).status
    with pytest.raises(ConflictError, match="has been removed"):
        await platform.application.deployments.promote(platform.owner, ended.id)


async def test_the_oldest_preview_ends_at_the_limit(platform: Platform, shop: Project) -> None:
    production = await platform.deploy(shop)
    previews = [await deploy_preview(platform, shop, f"b{number}") for number in range(10)]
    young = await deploy_preview(platform, shop, "b0")

    await platform.enqueue(shop, target="preview:b10")
    await reconcile(platform)

    assert [S.STOPPED] == await statuses(platform, previews[1])
    assert {S.RUNNING} == set(await statuses(platform, *previews[2:], young, production))
    names = {f"preview:b{number}" for number in range(10)} - {"preview:b1"}
    assert {PRODUCTION, *names} == set(await target_names(platform, shop))


async def test_queued_previews_count_towards_the_limit(platform: Platform, shop: Project) -> None:
    for number in range(30):
        await platform.enqueue(shop, target=f"preview:b{number}")

    async with platform.storage.snapshot() as uow:
        waiting = await uow.deployments.all([S.QUEUED])

    assert [f"preview:b{number}" for number in range(20, 30)] == [d.target for d in waiting]


async def test_an_idle_preview_ends(platform: Platform, shop: Project) -> None:
    production, idle = await platform.deploy(shop), await deploy_preview(platform, shop, "idle")
    busy = await deploy_preview(platform, shop, "busy")
    platform.clock.advance(6 * DAY)
    await platform.worker_services.garbage_collector.previews.end_idle_previews()
    busier = await deploy_preview(platform, shop, "busy")
    before = await statuses(platform, idle, busy)
    await reconcile(platform)

    platform.clock.advance(1 * DAY)
    await reconcile(platform)
    await reconcile(platform)

    assert [S.RUNNING, S.RUNNING] == before
    assert [S.RUNNING, S.RUNNING] == await statuses(platform, production, busier)
    assert [S.STOPPED] == await statuses(platform, idle)
    assert ["preview:busy", PRODUCTION] == await target_names(platform, shop)


async def test_stopped_preview_is_ended(platform: Platform, shop: Project) -> None:
    stopped = await deploy_preview(platform, shop)
    platform.clock.advance(5 * DAY)
    await platform.application.active_deployments.stop(platform.owner, stopped.id)
    platform.clock.advance(5 * DAY)
    await reconcile(platform)
    before = await target_names(platform, shop)

    platform.clock.advance(2 * DAY)
    await reconcile(platform)

    assert ([PREVIEW], []) == (before, await target_names(platform, shop))


async def test_a_preview_in_progress_is_not_idle(platform: Platform, shop: Project) -> None:
    old = await deploy_preview(platform, shop)
    platform.clock.advance(8 * DAY)
    await platform.enqueue(shop, target=PREVIEW)

    await platform.worker_services.garbage_collector.previews.end_idle_previews()

    assert [S.RUNNING] == await statuses(platform, old)


async def test_app_url_is_the_url_of_the_preview(platform: Platform, shop: Project) -> None:
    production, other = await platform.deploy(shop), await deploy_preview(platform, shop)

    (first,), (second,) = (
        [r for r in platform.runtime.running.values() if r.instance.deployment_id == each.id]
        for each in (production, other)
    )

    assert "http://shop.localhost" == first.env["APP_URL"]
    assert f"http://shop--{other.id.hex[:8]}.localhost" == second.env["APP_URL"]
