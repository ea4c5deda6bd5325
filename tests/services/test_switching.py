"""The commit point, and how traffic follows it."""

import pytest
from anyio import create_task_group
from tests.services.platform import Platform

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.instances import Instance, InstanceState
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.testing.objects import an_instance

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def committed(platform: Platform, project: Project) -> Lease:
    """Take a new deployment to its commit point."""
    await platform.queued(project)
    lease = await platform.claimed()
    assert await platform.engine.pipeline.prepare(lease)
    return lease


async def left_behind(platform: Platform, lease: Lease) -> Instance:
    """Keep an instance of an earlier, lost lease of the same deployment."""
    orphan = an_instance(
        await platform.row(lease.deployment_id), fence=lease.fence - 1, port=29_000, node="local"
    )
    async with platform.storage.transaction() as uow:
        await uow.instances.add(orphan)
    return orphan


class TestTheCommitPoint:
    async def test_changes_no_route_yet(self, platform: Platform, shop: Project) -> None:
        """Committed and not routed: the old one still gets the requests."""
        old = await platform.served(shop)

        lease = await committed(platform, shop)

        assert ((await platform.instance(old.id)).port,) == platform.routes()["shop.localhost"]
        row = await platform.row(lease.deployment_id)
        assert (S.DEPLOYING, Phase.SWITCH) == (row.status, row.phase)

    async def test_ignores_instances_of_a_lost_lease(
        self, platform: Platform, shop: Project
    ) -> None:
        """What an earlier worker left behind never gets a request."""
        await platform.queued(shop)
        lost = await platform.claimed()
        await platform.engine.reconciliation.requeue(lost)
        lease = await platform.claimed()
        orphan = await left_behind(platform, lease)

        await platform.engine.pipeline.prepare(lease)
        await platform.engine.pipeline.finish(lease)
        await platform.engine.tending.tend()

        states = {i.id: i.state for i in await platform.instances(lease.deployment_id)}
        assert InstanceState.STARTING is states[orphan.id]
        assert orphan.port not in platform.routes()["shop.localhost"]


class TestARouterOutage:
    async def test_keeps_the_old_one_serving(self, platform: Platform, shop: Project) -> None:
        """Without a router the new one stays in its switch, and nothing drains."""
        old = await platform.served(shop)
        lease = await committed(platform, shop)
        platform.router.fail()

        with pytest.raises(RouterUnavailableError):
            await platform.engine.pipeline.finish(lease)

        row = await platform.row(lease.deployment_id)
        assert (S.DEPLOYING, Phase.SWITCH) == (row.status, row.phase)
        assert old == await platform.row(old.id)

    async def test_ends_with_the_switch(self, platform: Platform, shop: Project) -> None:
        """When the router is back the reconciler finishes what the worker could not."""
        await platform.served(shop)
        lease = await committed(platform, shop)
        platform.router.fail()
        with pytest.raises(RouterUnavailableError):
            await platform.engine.reconciliation.finish_switches()
        platform.router.recover()

        await platform.engine.reconciliation.finish_switches()

        assert S.RUNNING is (await platform.row(lease.deployment_id)).status
        port = (await platform.instance(lease.deployment_id)).port
        assert (port,) == platform.routes()["shop.localhost"]


async def test_finishing_twice_changes_nothing(platform: Platform, shop: Project) -> None:
    """Worker and reconciler may both finish a switch, one after the other or at once."""
    lease = await committed(platform, shop)
    async with create_task_group() as both:
        both.start_soon(platform.engine.pipeline.finish, lease)
        both.start_soon(platform.engine.reconciliation.finish_switches)
    running = await platform.row(lease.deployment_id)

    await platform.engine.pipeline.finish(lease)

    assert S.RUNNING is running.status
    assert running == await platform.row(lease.deployment_id)
    assert 1 == (await platform.causes(running.id)).count("Requests go to it")


async def test_previews_leave_production_alone(platform: Platform, shop: Project) -> None:
    """A deployment of another target has its own address only, and drains nobody else's."""
    production = await platform.served(shop)
    await platform.queued(shop, target="preview:next", branch="main")

    preview = await platform.work()

    port = (await platform.instance(preview.id)).port
    assert (port,) == platform.routes()[f"shop--{preview.id.hex[:8]}.localhost"]
    assert (port,) != platform.routes()["shop.localhost"]
    assert production == await platform.row(production.id)
