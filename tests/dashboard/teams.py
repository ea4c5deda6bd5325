"""Members of a project that another user owns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.acceptance.tools.people import Json, Person


@asynccontextmanager
async def temporary_member(owner: Person, project: Json, role: str) -> AsyncIterator[Person]:
    """Yield a new user who has joined the team of a project."""
    async with Person.sign_up(owner.served_instance) as guest:
        path = f"/projects/{project['id']}/invitations"
        invited = await owner.ask("POST", path, {"email": guest.email, "role": role})
        await guest.ask("POST", f"/invitations/{invited['id']}/accept")
        yield guest
