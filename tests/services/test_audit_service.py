"""The audit trail: everybody sees their own part of it, administrators all."""

import pytest
from attrs import evolve
from tests.services.world import World

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.env_vars import NewEnvVar
from pushpaka_core.domain.users import Role
from pushpaka_core.errors import InvalidInputError

pytestmark = pytest.mark.anyio


async def test_shows_people_their_own(world: World, ann: Actor, bob: Actor) -> None:
    """What others did is no business of mine, nor how much it is."""
    await world.project(ann)

    page = await world.audit.page(bob)

    assert ([bob.user_id], 1) == ([entry.user_id for entry in page.items], page.total)


async def test_shows_administrators_all(world: World, ann: Actor, bob: Actor) -> None:
    """An administrator and the platform see what everybody did."""
    admin = evolve(bob, role=Role.ADMIN)

    pages = [await world.audit.page(actor) for actor in (admin, PLATFORM)]

    assert [[bob.user_id, ann.user_id]] * 2 == [[e.user_id for e in page.items] for page in pages]


async def test_comes_in_pages_newest_first(world: World, ann: Actor) -> None:
    """A part of the trail comes with the length of the whole."""
    for name in ("one", "two", "three"):
        await world.project(ann, name)

    page = await world.audit.page(ann, limit=2, offset=1)

    assert (["two", "one"], 4) == ([entry.detail for entry in page.items], page.total)


async def test_tells_nothing_of_what_was_refused(world: World, ann: Actor) -> None:
    """A change that does not happen leaves no entry."""
    project = await world.project(ann)
    before = await world.trail(ann)
    too_many = [NewEnvVar(project_id=project.id, key=f"K{n}", value="") for n in range(101)]

    with pytest.raises(InvalidInputError):
        await world.env_vars.set_many(ann, too_many)

    assert before == await world.trail(ann)
