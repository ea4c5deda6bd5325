"""A platform whose database, releases, volumes and snapshots are in a directory."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from attrs import define, evolve, field
from tests.faults.node_processes import reconciler_operations
from tests.faults.simulation import OpenStorage
from tests.faults.volumes.programs import DirectoryBuilder, LinkingRuntime
from tests.platform_fixtures import OPTIONS, WEB_APP, Platform
from tests.service_fixtures import PASSWORD, REPO, SequentialIds, SteppedClock

from pushpaka_core.adapters.files.snapshot_files import DirectorySnapshotFiles
from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.adapters.memory.security import MemoryCipher
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.process.releases import Releases
from pushpaka_core.adapters.process.sandbox.home_directories import HomeDirectories
from pushpaka_core.adapters.process.volumes.files import ProcessVolumeFiles, VolumeDirectories
from pushpaka_core.container.application import assemble
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.users import Registration
from pushpaka_core.domain.ids import SnapshotId
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.testing.objects.accounts import a_user

_ROUNDS = 4
"""The number of reconciliation rounds after which an application has recovered."""


@define(kw_only=True)
class KeptPlatform:
    """A platform that can be restarted. Its programs and its router run on in the meantime."""

    directory: Path
    open_storage: OpenStorage
    runtime: LinkingRuntime
    router: MemoryRouter = field(factory=MemoryRouter)
    source: MemorySource = field(factory=lambda: MemorySource(repositories={REPO: {"main": []}}))
    clock: SteppedClock
    cipher: MemoryCipher = field(factory=MemoryCipher)
    new_id: SequentialIds = field(factory=SequentialIds)
    platform: Platform = field(init=False)
    _owner: Actor | None = None
    _stack: AsyncExitStack = field(factory=AsyncExitStack, init=False)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: Path, open_storage: OpenStorage
    ) -> AsyncIterator["KeptPlatform"]:
        """Open a platform with one user, whose database *open_storage* opens at each start."""
        clock = SteppedClock()
        runtime = LinkingRuntime(
            now=clock,
            releases=Releases(directory / "releases"),
            volumes=VolumeDirectories(directory / "volumes"),
            homes=HomeDirectories(directory / "instances"),
        )
        kept = cls(directory=directory, open_storage=open_storage, runtime=runtime, clock=clock)
        await kept.restart()
        try:
            yield kept
        finally:
            await kept._stack.aclose()

    async def restart(self) -> None:
        """End the platform, and start it with the same data directory."""
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        storage = await self._stack.enter_async_context(self.open_storage())
        self.platform = self._new_platform(storage)
        if self._owner is None:
            registration = Registration(email="ann@example.com", name="Ann", password=PASSWORD)
            signed_in = await self.platform.application.accounts.register(registration)
            self._owner = Actor.from_user(signed_in.user)
            self.platform = evolve(self.platform, owner=self._owner)
        await self.platform.take_node()
        await self.platform.reconciler().requeue_all()

    def commit(self, **files: str) -> None:
        """Add a commit of a web application with *files*."""
        commits = self.source.repositories[REPO]["main"]
        commits.append(MemoryCommit(sha=f"{len(commits) + 1:040x}", files=WEB_APP | files))

    async def supervise(self) -> None:
        """Let the supervisor and the reconciler act until the applications have recovered."""
        operations = reconciler_operations(self.platform.worker_services)
        for _ in range(_ROUNDS):
            for name, operation in operations.items():
                if name != "sweep":
                    await operation()
            self.clock.advance(1)

    async def run_queue(self) -> None:
        """Run all queued deployments."""
        pipeline = self.platform.worker_services.pipeline
        while (lease := await pipeline.claim("worker-1")) is not None:
            if await pipeline.prepare(lease):
                await pipeline.finish(lease)

    async def volumes(self) -> Collection[Volume]:
        """Return the stored volumes."""
        async with self.platform.storage.snapshot() as uow:
            return await uow.volumes.visible_to(PLATFORM).all()

    async def snapshots(self) -> dict[SnapshotId, Snapshot]:
        """Return the stored snapshots."""
        async with self.platform.storage.snapshot() as uow:
            return {one.id: one for one in await uow.snapshots.visible_to(PLATFORM).all()}

    def snapshot_file(self, snapshot: Snapshot) -> Path:
        """Return the path of the file of *snapshot*."""
        return self.directory / "snapshots" / f"{snapshot.file_id}.tar.gz"

    def _new_platform(self, storage: Any) -> Platform:
        platform = Platform(
            options=evolve(OPTIONS, max_releases=3, max_previews=1),
            owner=self._owner or Actor.from_user(a_user()),
            storage=storage,
            clock=self.clock,
            new_id=self.new_id,
            source=self.source,
            router=self.router,
            runtime=self.runtime,
            builder=DirectoryBuilder(now=self.clock, releases=self.runtime.releases),
            volume_files=cast(
                "Any", ProcessVolumeFiles(directories=self.runtime.volumes, node="local")
            ),
            snapshot_files=cast("Any", DirectorySnapshotFiles(self.directory / "snapshots")),
        )
        adapters = evolve(platform.adapters, cipher=self.cipher)
        application = assemble(adapters, platform.options)
        return evolve(platform, adapters=adapters, application=application)
