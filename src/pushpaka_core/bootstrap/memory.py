"""The in-memory adapters."""

from uuid import uuid4

from pushpaka_core.bootstrap.options import utc_now
from pushpaka_core.container.adapters import Adapters
from pushpaka_core.ports.system import Clock, IdGenerator


def memory_adapters(*, now: Clock = utc_now, new_id: IdGenerator = uuid4) -> Adapters:
    """
    Return adapters that keep everything in memory and run no programs, for tests and embedding.

    Args:
        now: Returns the current time. Inject a clock to control time in tests.
        new_id: Returns new ids.
    """
    from pushpaka_core.adapters.memory import (
        builder,
        events,
        images,
        outbound,
        queue,
        router,
        runtime,
        security,
        source,
        system,
        volumes,
        workspaces,
    )
    from pushpaka_core.adapters.memory.storage import storage

    memory_builder = builder.MemoryBuilder(now=now)
    return Adapters(
        storage=storage.MemoryStorage(),
        queue=queue.MemoryQueue(),
        events=events.MemoryEventBus(),
        source=source.MemorySource(),
        archive_extractor=workspaces.MemoryUnpacker(),
        archive_files=workspaces.MemoryArchiveFiles(),
        workspaces=workspaces.MemoryWorkspaces(),
        builder=memory_builder,
        image_source=images.MemoryImageSource(builder=memory_builder),
        runtime=runtime.MemoryRuntime(now=now),
        volume_files=volumes.MemoryVolumeFiles(),
        snapshot_files=volumes.MemorySnapshotFiles(),
        prober=runtime.MemoryProber(),
        webhook_client=outbound.MemoryWebhookClient(),
        notification_client=outbound.MemoryWebhookClient(),
        notification_gateway=outbound.MemoryNotificationGateway(),
        router=router.MemoryRouter(),
        resolver=outbound.MemoryResolver(),
        host=runtime.MemoryHost(),
        failpoints=system.MemoryFailpoints(),
        hasher=security.WeakHasher(),
        signer=security.MemorySigner(),
        cipher=security.MemoryCipher(),
        key_pair_generator=security.MemoryKeyPairGenerator(),
        clock=now,
        new_id=new_id,
    )
