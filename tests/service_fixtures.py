"""The services over the in-memory adapters, with a clock that tests move forward."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Self
from uuid import UUID

from attrs import Factory, define, evolve, field, fields, frozen

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.images import MemoryImageSource
from pushpaka_core.adapters.memory.outbound import (
    MemoryNotificationGateway,
    MemoryResolver,
    MemoryWebhookClient,
)
from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.adapters.memory.runtime import MemoryHost, MemoryProber, MemoryRuntime
from pushpaka_core.adapters.memory.security import (
    MemoryCipher,
    MemoryKeyPairGenerator,
    MemorySigner,
    WeakHasher,
)
from pushpaka_core.adapters.memory.source import MemorySource
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.memory.system import MemoryFailpoints
from pushpaka_core.adapters.memory.volumes import MemorySnapshotFiles, MemoryVolumeFiles
from pushpaka_core.adapters.memory.workspaces import (
    MemoryArchiveFiles,
    MemoryUnpacker,
    MemoryWorkspaces,
)
from pushpaka_core.container.adapters import Adapters, Options
from pushpaka_core.container.application import Application, assemble
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.accounts.users import Registration, RegistrationPolicy
from pushpaka_core.domain.deployments.deployments import Deployment, NewDeployment
from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus, Phase
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.domain.projects.projects import NewProject, Project
from pushpaka_core.domain.projects.sources import SourcePolicy
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.runtime import HostCapacity
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.projects.env_vars import EnvironmentCipher
from pushpaka_core.services.routing.domain_checks import DomainVerifier
from pushpaka_core.testing.objects.deployments import a_log_entry, a_release
from pushpaka_core.testing.objects.values import NOON

PASSWORD = "correct horse"
REPO = "https://git.example.com/ann/app.git"


@define
class SteppedClock:
    """A wall clock with a stopwatch. Both stand still until a test moves them."""

    now: datetime = NOON
    _seconds: float = field(default=0, init=False)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Advance the clock and the stopwatch by *seconds*."""
        self.jump(seconds)
        self._seconds += seconds

    def jump(self, seconds: float) -> None:
        """Set the clock forward or back by *seconds*. The stopwatch is unaffected."""
        self.now += timedelta(seconds=seconds)

    def stopwatch(self) -> float:
        """Return the seconds by which `advance` was called, not counting jumps of the clock."""
        return self._seconds


@define
class SequentialIds:
    """Generates increasing ids that differ from those of `pushpaka_core.testing.objects.values`."""

    _last: int = field(default=2**31, init=False)

    def __call__(self) -> UUID:
        self._last += 1
        return UUID(int=self._last << 96)


async def do_nothing() -> None:
    """Do nothing, as the default hook."""


@define
class HookedStorage:
    """Wraps a storage, and calls hooks before snapshots, transactions and commits."""

    _storage: Storage
    before_snapshot: Callable[[], Awaitable[object]] = do_nothing
    before_transaction: Callable[[], Awaitable[object]] = do_nothing
    before_commit: Callable[[], Awaitable[object]] = do_nothing

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[UnitOfWork]:
        """Call `before_snapshot`, and open a snapshot."""
        await self.before_snapshot()
        async with self._storage.snapshot() as uow:
            yield uow

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Call `before_transaction`, open a transaction, and call `before_commit` at its end."""
        await self.before_transaction()
        async with self._storage.transaction() as uow:
            yield uow
            await self.before_commit()

    async def check(self) -> None:
        """Check the wrapped storage."""
        await self._storage.check()


def _adapters(instance: "MemoryInstance") -> Adapters:
    return Adapters(
        storage=instance.storage,
        queue=instance.queue,
        events=instance.events,
        source=instance.source,
        archive_extractor=MemoryUnpacker(),
        archive_files=instance.archive_files,
        workspaces=instance.workspaces,
        builder=instance.builder,
        image_source=instance.image_source,
        runtime=instance.runtime,
        volume_files=instance.volume_files,
        snapshot_files=instance.snapshot_files,
        prober=instance.prober,
        webhook_client=instance.webhook_client,
        notification_client=instance.notification_client,
        notification_gateway=instance.notification_gateway,
        router=instance.router,
        resolver=instance.resolver,
        host=instance.host,
        failpoints=instance.failpoints,
        hasher=WeakHasher(),
        signer=instance.signer,
        cipher=MemoryCipher(),
        key_pair_generator=MemoryKeyPairGenerator(),
        clock=instance.clock,
        stopwatch=instance.clock.stopwatch,
        new_id=instance.new_id,
    )


# A class cannot have two bases with slots, and `Services` also has those of `Application`.
@frozen(kw_only=True, slots=False)
class MemoryInstance:
    """An application with its memory adapters, which tests control."""

    options: Options = field(factory=Options)
    clock: SteppedClock = field(factory=SteppedClock)
    storage: MemoryStorage = field(factory=MemoryStorage)
    queue: MemoryQueue = field(factory=MemoryQueue)
    events: MemoryEventBus = field(factory=MemoryEventBus)
    source: MemorySource = field(factory=MemorySource)
    workspaces: MemoryWorkspaces = field(factory=MemoryWorkspaces)
    archive_files: MemoryArchiveFiles = field(factory=MemoryArchiveFiles)
    volume_files: MemoryVolumeFiles = field(factory=MemoryVolumeFiles)
    snapshot_files: MemorySnapshotFiles = field(factory=MemorySnapshotFiles)
    builder: MemoryBuilder = field(
        default=Factory(lambda self: MemoryBuilder(now=self.clock), takes_self=True)
    )
    image_source: MemoryImageSource = field(
        default=Factory(lambda self: MemoryImageSource(builder=self.builder), takes_self=True)
    )
    runtime: MemoryRuntime = field(
        default=Factory(lambda self: MemoryRuntime(now=self.clock), takes_self=True)
    )
    prober: MemoryProber = field(factory=MemoryProber)
    webhook_client: MemoryWebhookClient = field(factory=MemoryWebhookClient)
    notification_client: MemoryWebhookClient = field(factory=MemoryWebhookClient)
    notification_gateway: MemoryNotificationGateway = field(factory=MemoryNotificationGateway)
    router: MemoryRouter = field(factory=MemoryRouter)
    resolver: MemoryResolver = field(factory=MemoryResolver)
    host: MemoryHost = field(factory=MemoryHost)
    failpoints: MemoryFailpoints = field(factory=MemoryFailpoints)
    signer: MemorySigner = field(factory=MemorySigner)
    new_id: SequentialIds = field(factory=SequentialIds)
    adapters: Adapters = field(default=Factory(_adapters, takes_self=True))
    application: Application = field(
        default=Factory(lambda self: assemble(self.adapters, self.options), takes_self=True)
    )


@frozen(kw_only=True)
class Services(MemoryInstance, Application):
    """The services of an instance in memory, and methods that act as its users and its worker."""

    @property
    def domain_verifier(self) -> DomainVerifier:
        """The service that checks the DNS records of custom domains, which workers run."""
        return self.worker_services.domain_verifier

    @classmethod
    def of(
        cls,
        *,
        clock: SteppedClock | None = None,
        registration: RegistrationPolicy = RegistrationPolicy.OPEN,
        poll_interval: timedelta = timedelta(minutes=1),
        quotas: Quotas | None = None,
    ) -> Self:
        """Return a new instance without users."""
        options = Options(
            public_urls=PublicUrls(port=8000),
            source_policy=SourcePolicy(local_repo_root=PurePosixPath("/srv/repos")),
            registration=registration,
            token_lifetime=timedelta(hours=1),
            timeouts=Timeouts(poll_interval=poll_interval),
            max_previews=3,
            quotas=quotas or Quotas(),
            min_free_capacity=HostCapacity(disk=8, memory=0),
        )
        instance = MemoryInstance(clock=clock or SteppedClock(), options=options)
        application = instance.application
        return cls(
            **{each.name: getattr(instance, each.name) for each in fields(MemoryInstance)},
            **{each.name: getattr(application, each.name) for each in fields(Application)},
        )

    async def sign_up(self, email: str) -> Actor:
        """Register an account, and return its user as an actor."""
        registration = Registration(email=email, name="Somebody", password=PASSWORD)
        return Actor.from_user((await self.accounts.register(registration)).user)

    async def project(self, owner: Actor, name: str = "shop", **settings: Any) -> Project:
        """Create a project that belongs to *owner*."""
        new = NewProject(**{"name": name, "repo_url": REPO} | settings)
        return (await self.projects.create(owner, new)).project

    async def enqueue(self, owner: Actor, project: Project) -> Deployment:
        """Queue a deployment of *project* as *owner*."""
        return await self.deployments.deploy(owner, NewDeployment(project_id=project.id))

    async def claim(self) -> Deployment:
        """Claim the next queued deployment for a worker, and return it."""
        async with self.storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", now=self.clock())
            assert claimed is not None
            return claimed

    async def commit_next(self) -> Deployment:
        """Claim the next deployment, and take it past its commit point."""
        held = await self.claim()
        async with self.storage.transaction() as uow:
            if held.release_id is None:
                release = a_release(held)
                self.builder.add_artifact(release.artifact, held.lease)
                await uow.releases.add(release)
                held = evolve(held, release_id=release.id, commit_sha=release.commit_sha)
            started = await uow.deployments.update(held.enter(Phase.START, now=self.clock()))
            moved = await uow.deployments.update(started.enter(Phase.SWITCH, now=self.clock()))
            await uow.targets.put(await self._target_of(uow, moved))
        return moved

    async def run_next(self) -> Deployment:
        """Claim the next deployment, and let it replace the active one."""
        committed = await self.commit_next()
        async with self.storage.transaction() as uow:
            project = await uow.projects.visible_to(PLATFORM).get(committed.project_id)
            for old in await uow.deployments.of_projects(
                [project], SERVING, target=committed.target
            ):
                await uow.deployments.update(old.stop(now=self.clock()))
            running = await uow.deployments.update(committed.enter(Phase.RUN, now=self.clock()))
        await self.events.publish(DeploymentChanged(deployment=running))
        return running

    async def fail_next(self) -> Deployment:
        """Claim the next deployment, and let it fail."""
        return await self.save((await self.claim()).fail("No luck.", now=self.clock()))

    async def save(self, deployment: Deployment) -> Deployment:
        """Store a changed deployment, and publish the change, as its worker does."""
        async with self.storage.transaction() as uow:
            kept = await uow.deployments.update(deployment)
        await self.events.publish(DeploymentChanged(deployment=kept))
        return kept

    async def status(self, id: DeploymentId) -> DeploymentStatus:
        """Return the status of a deployment."""
        return (await self.row(id)).status

    async def row(self, id: DeploymentId) -> Deployment:
        """Return a deployment as it is in the database."""
        async with self.storage.snapshot() as uow:
            return await uow.deployments.visible_to(PLATFORM).get(id)

    async def environment(self, id: DeploymentId) -> dict[str, str]:
        """Return the environment variables of a deployment."""
        async with self.storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            (environment,) = await uow.env_vars.environments([deployment])
        return EnvironmentCipher(self.adapters.cipher).decrypt(environment)

    async def write_lines(self, id: DeploymentId, *messages: str) -> Sequence[LogLine]:
        """Store log lines without publishing them."""
        async with self.storage.transaction() as uow:
            return await uow.logs.append(id, [a_log_entry(message) for message in messages])

    async def publish_lines(self, id: DeploymentId, *messages: str) -> None:
        """Store log lines, and publish them."""
        lines = await self.write_lines(id, *messages)
        await self.events.publish(LogLinesAppended(deployment_id=id, lines=lines))

    async def audit_trail(self, actor: Actor) -> list[tuple[str, str | None]]:
        """Return the audited actions that *actor* can see, with their details, newest first."""
        page = await self.audit.page(actor, limit=100)
        return [(entry.action, entry.detail) for entry in page.items]

    async def _target_of(self, uow: UnitOfWork, deployment: Deployment) -> Target:
        present = await uow.targets.of_deployment(deployment)
        if present is not None:
            return present.point_to(deployment)
        return Target(
            project_id=deployment.project_id,
            name=deployment.target,
            deployment_id=deployment.id,
            sequence=deployment.sequence,
            has_web=deployment.has_web,
        )
