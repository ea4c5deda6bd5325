"""Previews end with their branch, with their time and with their number, whatever they do."""

import pytest
from tests.deliveries import branch_deleted
from tests.services.platform import Platform
from tests.services.scenes import PREVIEW, Scene, open_stage, scenes

from pushpaka_core.domain.deployment_steps import FINAL, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.webhooks import Forge, NewWebhook
from pushpaka_core.errors import ConflictError
from pushpaka_core.services.deliveries import Receipt

pytestmark = pytest.mark.anyio

S = DeploymentStatus
DAY = 24 * 60 * 60
SCENES = [scene for scene in scenes() if scene.target == PREVIEW]


async def end(platform: Platform, project: Project, branch: str = "next") -> Receipt:
    """Tell of the end of a branch."""
    new = NewWebhook(project_id=project.id, provider=Forge.GITHUB, previews=True)
    issued = await platform.application.webhooks.add(platform.owner, new)
    delivery = branch_deleted(Forge.GITHUB, branch)
    headers = {name.lower(): value for name, value in delivery.headers(issued.secret).items()}
    return await platform.application.deliveries.receive(issued.webhook.id, headers, delivery.body)


async def preview(platform: Platform, project: Project, branch: str = "next") -> Deployment:
    """Return a preview that serves."""
    await platform.queued(project, target=f"preview:{branch}")
    return await platform.work()


async def settle(platform: Platform) -> None:
    """Let the reconciler do all that it ever does."""
    await platform.engine.reconciliation.finish_switches()
    await platform.engine.reconciliation.stop_drained()
    await platform.engine.sweeping.sweep()
    await platform.engine.reconciliation.mend_routes()


async def targets(platform: Platform, project: Project) -> list[str]:
    """Return the names of what the project serves."""
    async with platform.storage.snapshot() as uow:
        return [target.name for target in await uow.targets.of_projects([project])]


async def statuses(platform: Platform, *deployments: Deployment) -> list[DeploymentStatus]:
    """Return what has become of deployments."""
    return [(await platform.row(deployment.id)).status for deployment in deployments]


@pytest.mark.parametrize("scene", SCENES, ids=str)
async def test_nothing_is_left_of_an_ended_preview(scene: Scene) -> None:
    """Whatever it was doing; and production, which goes on, has lost nothing."""
    async with open_stage(scene) as stage:
        platform, production = stage.platform, stage.production
        assert production is not None

        await end(platform, stage.project)
        await stage.settle()

        others = [stage.it, *([stage.other] if stage.other else [])]
        assert set(await statuses(platform, *others)) <= FINAL
        assert [S.RUNNING] == await statuses(platform, production)
        assert [PRODUCTION] == await targets(platform, stage.project)
        assert [production.id] == [each.deployment_id for each in await platform.instances()]
        assert [production.id] == [each.deployment_id for each in await platform.releases()]
        own = f"{stage.project.slug}--{production.id.hex[:8]}.localhost"
        assert {f"{stage.project.slug}.localhost", own} == set(platform.routes()) - {
            "api.localhost"
        }
        assert await platform.is_tidy()


async def test_the_end_of_a_preview_is_told(platform: Platform, shop: Project) -> None:
    """To the forge, and in the timeline."""
    ended = await preview(platform, shop)

    receipt = await end(platform, shop)
    await settle(platform)
    again = await end(platform, shop)

    assert ("preview:next has ended.", []) == (receipt.message, receipt.deployment_ids)
    assert "There is no preview:next." == again.message
    assert [
        "Its branch is gone, or its pull request is closed",
        "Its preview has ended",
    ] == (await platform.causes(ended.id))[-2:]


async def test_an_ended_preview_can_begin_again(platform: Platform, shop: Project) -> None:
    """A branch of the same name is deployed as any other."""
    await preview(platform, shop)
    await end(platform, shop)
    await settle(platform)

    anew = await preview(platform, shop)

    assert S.RUNNING is anew.status
    assert [PREVIEW] == await targets(platform, shop)


async def test_an_ended_preview_cannot_be_promoted(platform: Platform, shop: Project) -> None:
    """What it was built of is gone, and the answer says so; while it lasts, it can."""
    lasting, ended = await preview(platform, shop, "a"), await preview(platform, shop, "b")
    await end(platform, shop, "b")
    await settle(platform)

    promoted = await platform.application.deployments.promote(platform.owner, lasting.id)

    assert PRODUCTION == promoted.target
    assert S.RUNNING is (await platform.work()).status
    with pytest.raises(ConflictError, match="not kept any more"):
        await platform.application.deployments.promote(platform.owner, ended.id)


async def test_the_oldest_makes_room(platform: Platform, shop: Project) -> None:
    """A project has so many previews at most; a new deployment makes one young again."""
    production = await platform.served(shop)
    previews = [await preview(platform, shop, f"b{number}") for number in range(10)]
    young = await preview(platform, shop, "b0")

    await platform.queued(shop, target="preview:b10")
    await settle(platform)

    assert [S.STOPPED] == await statuses(platform, previews[1])
    assert {S.RUNNING} == set(await statuses(platform, *previews[2:], young, production))
    names = {f"preview:b{number}" for number in range(10)} - {"preview:b1"}
    assert {PRODUCTION, *names} == set(await targets(platform, shop))


async def test_what_only_waits_has_a_place_as_well(platform: Platform, shop: Project) -> None:
    """A hundred branches at once leave as many as there may be."""
    for number in range(30):
        await platform.queued(shop, target=f"preview:b{number}")

    async with platform.storage.snapshot() as uow:
        waiting = await uow.deployments.all([S.QUEUED])

    assert [f"preview:b{number}" for number in range(20, 30)] == [d.target for d in waiting]


async def test_a_preview_ends_when_it_was_idle_for_long(platform: Platform, shop: Project) -> None:
    """One that was deployed since goes on, and so does production for ever."""
    production, idle = await platform.served(shop), await preview(platform, shop, "idle")
    busy = await preview(platform, shop, "busy")
    platform.clock.tick(6 * DAY)
    await platform.engine.sweeping.end_idle_previews()
    busier = await preview(platform, shop, "busy")
    before = await statuses(platform, idle, busy)
    await settle(platform)

    platform.clock.tick(1 * DAY)
    await settle(platform)
    await settle(platform)

    assert [S.RUNNING, S.RUNNING] == before
    assert [S.RUNNING, S.RUNNING] == await statuses(platform, production, busier)
    assert [S.STOPPED] == await statuses(platform, idle)
    assert ["preview:busy", PRODUCTION] == await targets(platform, shop)


async def test_a_stopped_preview_ends_as_well(platform: Platform, shop: Project) -> None:
    """Its time counts from when it was stopped."""
    stopped = await preview(platform, shop)
    platform.clock.tick(5 * DAY)
    await platform.application.serving.stop(platform.owner, stopped.id)
    platform.clock.tick(5 * DAY)
    await settle(platform)
    before = await targets(platform, shop)

    platform.clock.tick(2 * DAY)
    await settle(platform)

    assert ([PREVIEW], []) == (before, await targets(platform, shop))


async def test_what_is_being_deployed_is_not_idle(platform: Platform, shop: Project) -> None:
    """A preview that waits for its next version is wanted."""
    old = await preview(platform, shop)
    platform.clock.tick(8 * DAY)
    await platform.queued(shop, target=PREVIEW)

    await platform.engine.sweeping.end_idle_previews()

    assert [S.RUNNING] == await statuses(platform, old)


async def test_a_preview_knows_its_own_address(platform: Platform, shop: Project) -> None:
    """Production is told the project's."""
    production, other = await platform.served(shop), await preview(platform, shop)

    (first,), (second,) = (
        [r for r in platform.runtime.living.values() if r.instance.deployment_id == each.id]
        for each in (production, other)
    )

    assert "http://shop.localhost" == first.env["APP_URL"]
    assert f"http://shop--{other.id.hex[:8]}.localhost" == second.env["APP_URL"]
