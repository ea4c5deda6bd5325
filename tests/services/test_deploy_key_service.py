"""Deploy keys: made, shown and taken away by the owner of their project, lent to its fetches."""

import pytest
from attrs import evolve
from tests.services.world import World

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.plans import NewPlan
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.errors import NotAllowedError, NotFoundError, PlanFailedError, SettingsError
from pushpaka_core.services.key_rings import require_keys
from pushpaka_core.testing.objects import an_id

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(world: World, ann: Actor) -> Project:
    return await world.project(ann, "shop")


async def test_a_key_is_made_and_shown_by_its_public_half(
    world: World, ann: Actor, shop: Project
) -> None:
    """The private half is kept encrypted, and the trail has the fingerprint."""
    made = await world.deploy_keys.make(ann, shop.id)

    assert made == await world.deploy_keys.get(ann, shop.id)
    assert made.public_key.endswith(" pushpaka:shop")
    assert made.fingerprint.startswith("SHA256:")
    assert ("deploy_key.added", made.fingerprint) == (await world.trail(ann))[0]


async def test_a_key_is_rotated_by_making_it_anew(world: World, ann: Actor, shop: Project) -> None:
    """There is one at a time."""
    old = await world.deploy_keys.make(ann, shop.id)
    world.clock.tick(60)

    new = await world.deploy_keys.make(ann, shop.id)

    assert old.public_key != new.public_key
    assert new == await world.deploy_keys.get(ann, shop.id)
    assert new.created_at > old.created_at
    assert ("deploy_key.rotated", new.fingerprint) == (await world.trail(ann))[0]


async def test_a_key_is_taken_away(world: World, ann: Actor, shop: Project) -> None:
    """There is none afterwards, and nothing to take away."""
    made = await world.deploy_keys.make(ann, shop.id)

    await world.deploy_keys.delete(ann, shop.id)

    assert ("deploy_key.removed", made.fingerprint) == (await world.trail(ann))[0]
    with pytest.raises(NotFoundError, match="deploy key"):
        await world.deploy_keys.get(ann, shop.id)
    with pytest.raises(NotFoundError, match="deploy key"):
        await world.deploy_keys.delete(ann, shop.id)


async def test_others_see_and_change_nothing(
    world: World, ann: Actor, bob: Actor, shop: Project
) -> None:
    """A foreign project is as one that never was."""
    made = await world.deploy_keys.make(ann, shop.id)

    for who, project_id in ((bob, shop.id), (ann, ProjectId(an_id()))):
        for verb in (world.deploy_keys.make, world.deploy_keys.get, world.deploy_keys.delete):
            with pytest.raises(NotFoundError, match="project"):
                await verb(who, project_id)

    assert made == await world.deploy_keys.get(ann, shop.id)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.DEPLOY])
async def test_a_key_is_changed_by_full_tokens_alone(
    world: World, ann: Actor, shop: Project, scope: Scope
) -> None:
    """What may deploy may not decide by which key."""
    small = evolve(ann, scope=scope)
    made = await world.deploy_keys.make(ann, shop.id)

    for verb in (world.deploy_keys.make, world.deploy_keys.delete):
        with pytest.raises(NotAllowedError):
            await verb(small, shop.id)

    assert made == await world.deploy_keys.get(small, shop.id)


async def test_a_plan_is_made_with_the_key(world: World, ann: Actor, shop: Project) -> None:
    """It fetches as a deployment would."""
    world.source.closed.add(shop.repo_url)
    world.source.repositories[shop.repo_url] = {"main": []}

    with pytest.raises(PlanFailedError, match="deploy key"):
        await world.plans.plan(ann, shop.id, NewPlan())
    await world.deploy_keys.make(ann, shop.id)
    with pytest.raises(PlanFailedError, match="The branch main does not exist"):
        await world.plans.plan(ann, shop.id, NewPlan())


async def test_the_ring_needs_the_keys_of_deploy_keys(
    world: World, ann: Actor, shop: Project
) -> None:
    """A process that could not open them does not start."""
    await require_keys(world.storage, [])
    await world.deploy_keys.make(ann, shop.id)

    with pytest.raises(SettingsError, match="are not here: memory"):
        await require_keys(world.storage, [])
    await require_keys(world.storage, ["memory"])
