"""Pushpaka within Django: opened when the server starts, closed when it ends."""

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
    """What the views deploy with."""

    pushpaka: Application
    me: Actor

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have the core, and a worker that deploys, until the block ends."""
        async with open_application(Settings.from_environ()) as pushpaka, open_worker(pushpaka):
            self.pushpaka, self.me = pushpaka, await _own_account(pushpaka)
            yield


async def _own_account(pushpaka: Application) -> Actor:
    """All that this program deploys belongs to one account, made at its first start."""
    for user in await pushpaka.accounts.all(PLATFORM):
        return Actor.of(user)
    new = Registration(email="me@example.com", name="Django", password=token_urlsafe())
    return Actor.of(await pushpaka.accounts.create(PLATFORM, new))


engine = Engine()
