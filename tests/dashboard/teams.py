"""Somebody in the team of somebody else's project."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.acceptance.people import Json, Person


@asynccontextmanager
async def open_guest(owner: Person, project: Json, role: str) -> AsyncIterator[Person]:
    """Have somebody come into the team of a project."""
    async with Person.signed_up(owner.served) as guest:
        email = (await guest.ask("GET", "/auth/me"))["email"]
        path = f"/projects/{project['id']}/invitations"
        invited = await owner.ask("POST", path, {"email": email, "role": role})
        await guest.ask("POST", f"/invitations/{invited['id']}/accept")
        yield guest
