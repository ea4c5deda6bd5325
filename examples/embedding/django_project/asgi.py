"""The ASGI application: Django, wrapped to support the lifespan protocol."""

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
    """Pass requests to Django, and handle the server's lifespan events."""
    if scope["type"] != "lifespan":
        await django(scope, receive, send)
        return
    await receive()
    async with engine.opened():
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
