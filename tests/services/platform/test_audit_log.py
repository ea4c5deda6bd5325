"""Reading the audit log: users see their own entries, administrators all."""

import pytest
from attrs import evolve
from tests.service_fixtures import Services

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.users import Role
from pushpaka_core.domain.projects.env_vars import NewEnvVar
from pushpaka_core.errors import InvalidInputError

pytestmark = pytest.mark.anyio


async def test_users_see_their_own_entries(services: Services, ann: Actor, bob: Actor) -> None:
    await services.project(ann)

    page = await services.audit.page(bob)

    assert ([bob.user_id], 1) == ([entry.user_id for entry in page.items], page.total)


async def test_administrators_see_all_entries(services: Services, ann: Actor, bob: Actor) -> None:
    admin = evolve(bob, role=Role.ADMIN)

    pages = [await services.audit.page(actor) for actor in (admin, PLATFORM)]

    assert [[bob.user_id, ann.user_id]] * 2 == [[e.user_id for e in page.items] for page in pages]


async def test_pages_are_newest_first(services: Services, ann: Actor) -> None:
    for name in ("one", "two", "three"):
        await services.project(ann, name)

    page = await services.audit.page(ann, limit=2, offset=1)

    assert (["two", "one"], 4) == ([entry.detail for entry in page.items], page.total)


async def test_rejected_actions_are_not_recorded(services: Services, ann: Actor) -> None:
    project = await services.project(ann)
    before = await services.audit_trail(ann)
    too_many = [NewEnvVar(project_id=project.id, key=f"K{n}", value="") for n in range(101)]

    with pytest.raises(InvalidInputError):
        await services.env_vars.set_many(ann, too_many)

    assert before == await services.audit_trail(ann)
