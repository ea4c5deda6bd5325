"""Pushpaka within Django: opened when the server starts, and closed when it stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_urlsafe

from pushpaka_core import (
    PLATFORM,
    Actor,
    Application,
    Registration,
    Settings,
    open_application,
)
from pushpaka_worker import open_worker


class Engine:
    """The core that the views use."""

    pushpaka: Application
    me: Actor

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the core and a worker until the block ends."""
        async with open_application(Settings.from_environ()) as pushpaka, open_worker(pushpaka):
            self.pushpaka, self.me = pushpaka, await _own_account(pushpaka)
            yield


async def _own_account(pushpaka: Application) -> Actor:
    """Return the account that owns all projects of this program. The first start creates it."""
    for user in await pushpaka.accounts.all(PLATFORM):
        return Actor.from_user(user)
    new = Registration(email="me@example.com", name="Django", password=token_urlsafe())
    return Actor.from_user(await pushpaka.accounts.create(PLATFORM, new))


engine = Engine()
