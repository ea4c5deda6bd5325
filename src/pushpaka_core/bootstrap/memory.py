"""The adapters that keep everything in memory."""

from uuid import uuid4

from pushpaka_core.bootstrap.options import utc_now
from pushpaka_core.parts import Adapters
from pushpaka_core.ports.system import Clock, IdGenerator


def memory_adapters(*, now: Clock = utc_now, new_id: IdGenerator = uuid4) -> Adapters:
    """Return adapters that keep everything in memory and run nothing, for tests and embedding."""
    from pushpaka_core.adapters.memory import (
        builder,
        events,
        failpoints,
        host,
        messenger,
        poster,
        prober,
        queue,
        resolver,
        router,
        runtime,
        security,
        source,
        storage,
        unpacker,
        workspaces,
    )

    return Adapters(
        storage=storage.MemoryStorage(),
        queue=queue.MemoryQueue(),
        events=events.MemoryEventBus(),
        source=source.MemorySource(),
        unpacker=unpacker.MemoryUnpacker(),
        workspaces=workspaces.MemoryWorkspaces(),
        builder=builder.MemoryBuilder(now=now),
        runtime=runtime.MemoryRuntime(now=now),
        prober=prober.MemoryProber(),
        poster=poster.MemoryPoster(),
        notification_poster=poster.MemoryPoster(),
        messenger=messenger.MemoryMessenger(),
        router=router.MemoryRouter(),
        resolver=resolver.MemoryResolver(),
        host=host.MemoryHost(),
        failpoints=failpoints.MemoryFailpoints(),
        hasher=security.PlainHasher(),
        signer=security.MemorySigner(),
        cipher=security.MemoryCipher(),
        key_maker=security.MemoryKeyMaker(),
        now=now,
        new_id=new_id,
    )
