"""The ASGI application: Django, which knows no lifespan, with one around it."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.asgi import get_asgi_application

from engine import engine

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django = get_asgi_application()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer requests by Django, and live from the server's start to its end."""
    if scope["type"] != "lifespan":
        await django(scope, receive, send)
        return
    await receive()
    async with engine.opened():
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
