"""Creating, showing, using and deleting deploy keys."""

import pytest
from tests.service_fixtures import Services

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.plans import PlanRequest
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError, PlanFailedError, SettingsError
from pushpaka_core.services.platform.key_rotation import require_keys

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


async def test_a_key_is_created_and_only_its_public_key_shown(
    services: Services, ann: Actor, shop: Project
) -> None:
    made = await services.deploy_keys.create(ann, shop.id)

    assert made == await services.deploy_keys.get(ann, shop.id)
    assert made.public_key.endswith(" pushpaka:shop")
    assert made.fingerprint.startswith("SHA256:")
    assert ("deploy_key.added", made.fingerprint) == (await services.audit_trail(ann))[0]


async def test_creating_a_second_key_replaces_the_first(
    services: Services, ann: Actor, shop: Project
) -> None:
    old = await services.deploy_keys.create(ann, shop.id)
    services.clock.advance(60)

    new = await services.deploy_keys.create(ann, shop.id)

    assert old.public_key != new.public_key
    assert new == await services.deploy_keys.get(ann, shop.id)
    assert new.created_at > old.created_at
    assert ("deploy_key.rotated", new.fingerprint) == (await services.audit_trail(ann))[0]


async def test_a_key_is_deleted(services: Services, ann: Actor, shop: Project) -> None:
    made = await services.deploy_keys.create(ann, shop.id)

    await services.deploy_keys.delete(ann, shop.id)

    assert ("deploy_key.removed", made.fingerprint) == (await services.audit_trail(ann))[0]
    with pytest.raises(NotFoundError, match="deploy key"):
        await services.deploy_keys.get(ann, shop.id)
    with pytest.raises(NotFoundError, match="deploy key"):
        await services.deploy_keys.delete(ann, shop.id)


async def test_plans_use_the_deploy_key(services: Services, ann: Actor, shop: Project) -> None:
    services.source.deploy_key_repositories.add(shop.repo_url)
    services.source.repositories[shop.repo_url] = {"main": []}

    with pytest.raises(PlanFailedError, match="deploy key"):
        await services.plans.plan(ann, shop.id, PlanRequest())
    await services.deploy_keys.create(ann, shop.id)
    with pytest.raises(PlanFailedError, match="The branch main does not exist"):
        await services.plans.plan(ann, shop.id, PlanRequest())


async def test_required_keys_include_those_of_deploy_keys(
    services: Services, ann: Actor, shop: Project
) -> None:
    await require_keys(services.storage, [])
    await services.deploy_keys.create(ann, shop.id)

    with pytest.raises(SettingsError, match="are missing here: memory"):
        await require_keys(services.storage, [])
    await require_keys(services.storage, ["memory"])
