"""Everything that a test of a service needs, joined together once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Self
from uuid import UUID

from attrs import define, evolve, field, frozen

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.failpoints import MemoryFailpoints
from pushpaka_core.adapters.memory.messenger import MemoryMessenger
from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.adapters.memory.resolver import MemoryResolver
from pushpaka_core.adapters.memory.security import (
    MemoryCipher,
    MemoryKeyMaker,
    MemorySigner,
    PlainHasher,
)
from pushpaka_core.adapters.memory.source import MemorySource
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.memory.workspaces import MemoryWorkspaces
from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.audit import AuditEntry
from pushpaka_core.domain.build_plans import Packaging
from pushpaka_core.domain.deployment_steps import SERVING, DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId, NewDeployment
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten
from pushpaka_core.domain.frameworks import canonical_framework
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.projects import NewProject, Project
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.domain.targets import Target
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import Registration, RegistrationPolicy
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.api_tokens import ApiTokenService
from pushpaka_core.services.archives import ArchiveService
from pushpaka_core.services.artifacts import Artifacts
from pushpaka_core.services.audit import AuditService
from pushpaka_core.services.commit_statuses import CommitReports
from pushpaka_core.services.custom_domains import CustomDomainService
from pushpaka_core.services.deliveries import DeliveryService
from pushpaka_core.services.deploy_keys import DeployKeyService
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.domain_checks import DomainChecks
from pushpaka_core.services.ending import Ending
from pushpaka_core.services.env_vars import EnvVarService
from pushpaka_core.services.environments import Environments
from pushpaka_core.services.invitations import InvitationService
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.logs import LogService
from pushpaka_core.services.members import MemberService
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.notifications import Notices, NotificationService
from pushpaka_core.services.plans import PlanService, PlanSlots
from pushpaka_core.services.previews import Previews
from pushpaka_core.services.projects import ProjectService
from pushpaka_core.services.queueing import Queueing
from pushpaka_core.services.serving import ServingService
from pushpaka_core.services.webhooks import WebhookService
from pushpaka_core.testing.objects import NOON, a_release, an_entry

PASSWORD = "correct horse"
REPO = "https://git.example.com/ann/app.git"


@define
class SteppedClock:
    """A clock that stands still until a test moves it."""

    now: datetime = NOON
    _seconds: float = field(default=0, init=False)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.jump(seconds)
        self._seconds += seconds

    def jump(self, seconds: float) -> None:
        """Be set, as an operator may do with the clock of a machine."""
        self.now += timedelta(seconds=seconds)

    def stopwatch(self) -> float:
        """Return the seconds that have passed, however often it was set."""
        return self._seconds


@define
class CountedIds:
    """Ids in their order, none of which `pushpaka_core.testing.objects` counts up to as well."""

    _last: int = field(default=2**31, init=False)

    def __call__(self) -> UUID:
        self._last += 1
        return UUID(int=self._last << 96)


@frozen(kw_only=True)
class World:
    """The services of one instance, and the hands of a worker."""

    clock: SteppedClock
    storage: MemoryStorage
    queue: MemoryQueue
    events: MemoryEventBus
    signer: MemorySigner
    environments: Environments
    accounts: AccountService
    api_tokens: ApiTokenService
    projects: ProjectService
    members: MemberService
    invitations: InvitationService
    deployments: DeploymentService
    archives: ArchiveService
    plans: PlanService
    source: MemorySource
    messenger: MemoryMessenger
    builder: MemoryBuilder
    serving: ServingService
    logs: LogService
    env_vars: EnvVarService
    deploy_keys: DeployKeyService
    resolver: MemoryResolver
    domain_checks: DomainChecks
    custom_domains: CustomDomainService
    webhooks: WebhookService
    notifications: NotificationService
    deliveries: DeliveryService
    audit: AuditService

    @classmethod
    def of(
        cls,
        clock: SteppedClock,
        *,
        registration: RegistrationPolicy,
        recheck: timedelta,
        quotas: Quotas | None = None,
    ) -> Self:
        """Return an empty instance."""
        quotas = quotas or Quotas()
        storage, queue, events = MemoryStorage(), MemoryQueue(), MemoryEventBus()
        cipher, addresses, new_id = MemoryCipher(), Addresses(port=8000), CountedIds()
        journal, moves = (
            Journal(clock, new_id),
            Moves(CommitReports(clock, new_id), Notices(clock, new_id), clock, new_id),
        )
        environments, signer = Environments(cipher), MemorySigner()
        source, builder, messenger = MemorySource(), MemoryBuilder(), MemoryMessenger()
        artifacts = Artifacts(storage, builder)
        ending = Ending(moves, clock)
        previews = Previews(ending, clock, 3, timedelta(days=7))
        queueing = Queueing(
            queue=queue,
            events=events,
            environments=environments,
            ending=ending,
            previews=previews,
            journal=journal,
            moves=moves,
            failpoints=MemoryFailpoints(),
            now=clock,
            new_id=new_id,
            quotas=quotas,
        )
        api_tokens = ApiTokenService(storage=storage, journal=journal, now=clock, new_id=new_id)
        resolver = MemoryResolver()
        checks = DomainChecks(storage, resolver, journal, addresses, clock)
        deployments = DeploymentService(
            storage=storage,
            events=events,
            queueing=queueing,
            ending=ending,
            artifacts=artifacts,
            journal=journal,
            moves=moves,
            now=clock,
            recheck=recheck,
        )
        return cls(
            clock=clock,
            storage=storage,
            queue=queue,
            events=events,
            signer=signer,
            environments=environments,
            accounts=AccountService(
                storage=storage,
                hasher=PlainHasher(),
                signer=signer,
                api_tokens=api_tokens,
                journal=journal,
                now=clock,
                new_id=new_id,
                registration=registration,
                token_lifetime=timedelta(hours=1),
            ),
            api_tokens=api_tokens,
            projects=ProjectService(
                storage=storage,
                queue=queue,
                events=events,
                cipher=cipher,
                journal=journal,
                moves=moves,
                addresses=addresses,
                policy=SourcePolicy(local_repo_root=PurePosixPath("/srv/repos")),
                canonical_framework=canonical_framework,
                now=clock,
                new_id=new_id,
                quotas=quotas,
            ),
            members=MemberService(storage=storage, journal=journal, now=clock),
            invitations=InvitationService(
                storage=storage, journal=journal, now=clock, new_id=new_id
            ),
            deployments=deployments,
            archives=ArchiveService(storage, journal, clock, new_id, quotas.archives),
            plans=PlanService(
                packaging=Packaging.DIRECTORY,
                storage=storage,
                source=source,
                workspaces=MemoryWorkspaces(),
                cipher=cipher,
                timings=Timings(),
                slots=PlanSlots(quotas.plans),
            ),
            source=source,
            messenger=messenger,
            builder=builder,
            serving=ServingService(
                storage=storage,
                events=events,
                queueing=queueing,
                ending=ending,
                artifacts=artifacts,
                journal=journal,
                moves=moves,
                now=clock,
            ),
            logs=LogService(storage=storage, events=events, recheck=recheck),
            env_vars=EnvVarService(
                storage=storage,
                cipher=cipher,
                journal=journal,
                now=clock,
                new_id=new_id,
                quota=quotas.env,
            ),
            deploy_keys=DeployKeyService(
                storage=storage,
                cipher=cipher,
                key_maker=MemoryKeyMaker(),
                journal=journal,
                now=clock,
            ),
            resolver=resolver,
            domain_checks=checks,
            custom_domains=CustomDomainService(
                storage=storage,
                journal=journal,
                checks=checks,
                addresses=addresses,
                now=clock,
                new_id=new_id,
                quotas=quotas,
            ),
            webhooks=WebhookService(
                storage=storage, cipher=cipher, journal=journal, now=clock, new_id=new_id
            ),
            notifications=NotificationService(
                storage=storage,
                cipher=cipher,
                messenger=messenger,
                journal=journal,
                now=clock,
                new_id=new_id,
            ),
            deliveries=DeliveryService(
                storage=storage, cipher=cipher, queueing=queueing, previews=previews, now=clock
            ),
            audit=AuditService(storage=storage),
        )

    async def signed_up(self, email: str) -> Actor:
        """Return somebody who has just registered."""
        signed_in = await self.accounts.register(
            Registration(email=email, name="Somebody", password=PASSWORD)
        )
        return Actor.of(signed_in.user)

    async def project(self, owner: Actor, name: str = "shop", **settings: Any) -> Project:
        """Return a new project."""
        new = NewProject(**{"name": name, "repo_url": REPO} | settings)
        return (await self.projects.create(owner, new)).project

    async def deployed(self, owner: Actor, project: Project) -> Deployment:
        """Return a new deployment that waits."""
        return await self.deployments.deploy(owner, NewDeployment(project_id=project.id))

    async def claimed(self) -> Deployment:
        """Take the next deployment into a worker's hands."""
        async with self.storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", at=self.clock())
            assert claimed is not None
            return claimed

    async def committed(self) -> Deployment:
        """Claim the next deployment and take it past its commit point."""
        held = await self.claimed()
        async with self.storage.transaction() as uow:
            if held.release_id is None:
                release = a_release(held)
                self.builder.keep(release.artifact, held.lease)
                await uow.releases.add(release)
                held = evolve(held, release_id=release.id, commit_sha=release.commit_sha)
            started = await uow.deployments.update(held.enter(Phase.START, at=self.clock()))
            moved = await uow.deployments.update(started.enter(Phase.SWITCH, at=self.clock()))
            await uow.targets.put(await self._pointed(uow, moved))
        return moved

    async def served(self) -> Deployment:
        """Claim the next deployment and let it replace what runs."""
        committed = await self.committed()
        async with self.storage.transaction() as uow:
            project = await uow.projects.visible_to(PLATFORM).get(committed.project_id)
            for old in await uow.deployments.of_projects(
                [project], SERVING, target=committed.target
            ):
                await uow.deployments.update(old.stop(at=self.clock()))
            running = await uow.deployments.update(committed.enter(Phase.RUN, at=self.clock()))
        await self.events.publish(DeploymentMoved(deployment=running))
        return running

    async def failed(self) -> Deployment:
        """Claim the next deployment and let it fail."""
        return await self.kept((await self.claimed()).fail("No luck.", at=self.clock()))

    async def kept(self, deployment: Deployment) -> Deployment:
        """Keep a changed deployment and tell of it, as its worker does."""
        async with self.storage.transaction() as uow:
            kept = await uow.deployments.update(deployment)
        await self.events.publish(DeploymentMoved(deployment=kept))
        return kept

    async def status(self, id: DeploymentId) -> DeploymentStatus:
        """Return what has become of a deployment."""
        return (await self.row(id)).status

    async def row(self, id: DeploymentId) -> Deployment:
        """Return a deployment as it is kept."""
        async with self.storage.snapshot() as uow:
            return await uow.deployments.visible_to(PLATFORM).get(id)

    async def environment(self, id: DeploymentId) -> dict[str, str]:
        """Return the values that a deployment runs with."""
        async with self.storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            (environment,) = await uow.env_vars.environments([deployment])
        return self.environments.open(environment)

    async def write(self, id: DeploymentId, *messages: str) -> Sequence[LogLine]:
        """Keep log lines, and tell nobody."""
        async with self.storage.transaction() as uow:
            return await uow.logs.append(id, [an_entry(message) for message in messages])

    async def say(self, id: DeploymentId, *messages: str) -> None:
        """Keep log lines, and tell their watchers."""
        lines = await self.write(id, *messages)
        await self.events.publish(LinesWritten(deployment_id=id, lines=lines))

    async def trail(self, actor: Actor) -> list[tuple[str, str | None]]:
        """Return what somebody did, the newest first."""
        page = await self.audit.page(actor, limit=100)
        return [_told(entry) for entry in page.items]

    async def _pointed(self, uow: UnitOfWork, deployment: Deployment) -> Target:
        present = await uow.targets.of_deployment(deployment)
        if present is not None:
            return present.point_to(deployment)
        return Target(
            project_id=deployment.project_id,
            name=deployment.target,
            deployment_id=deployment.id,
            sequence=deployment.sequence,
        )


def _told(entry: AuditEntry) -> tuple[str, str | None]:
    return entry.action, entry.detail
