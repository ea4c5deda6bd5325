"""A whole instance in memory, as the tests of the API need it, with the hands of a worker."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Self, cast
from uuid import UUID, uuid4

from attrs import define, evolve, field, frozen

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.adapters.memory.security import MemoryCipher, MemorySigner, PlainHasher
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.application import Application, Engine
from pushpaka_core.domain.deployments import Deployment, DeploymentId, Phase, Target
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten
from pushpaka_core.domain.frameworks import canonical_framework
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.audit import AuditService
from pushpaka_core.services.custom_domains import CustomDomainService
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.env_vars import EnvVarService
from pushpaka_core.services.environments import Environments
from pushpaka_core.services.health import HealthService
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.logs import LogService
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.projects import ProjectService
from pushpaka_core.testing.objects import NOON, a_release, an_entry


@define
class SteppedClock:
    """A clock that stands still until a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@define
class Parts:
    """Parts of the platform that a test can switch off."""

    is_database_up: bool = True
    is_redis_up: bool = True

    async def check_database(self) -> None:
        """Raise where the database is off."""
        if not self.is_database_up:
            raise StorageUnavailableError("The database does not answer.")

    async def check_redis(self) -> None:
        """Raise where Redis is off."""
        if not self.is_redis_up:
            raise StorageUnavailableError("Redis does not answer.")


@frozen(kw_only=True)
class Instance:
    """An application and what it stands on."""

    application: Application
    clock: SteppedClock
    storage: MemoryStorage
    events: MemoryEventBus
    parts: Parts

    @classmethod
    def empty(cls, registration: RegistrationPolicy = RegistrationPolicy.OPEN) -> Self:
        """Return an instance without anything in it."""
        clock, storage, events = SteppedClock(), MemoryStorage(), MemoryEventBus()
        return cls(
            application=_application(clock, storage, events, parts := Parts(), registration),
            clock=clock,
            storage=storage,
            events=events,
            parts=parts,
        )

    async def serve(self) -> Deployment:
        """Take the next deployment up to where it runs."""
        async with self.storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", at=self.clock())
            assert claimed is not None
            if claimed.release_id is None:
                await uow.releases.add(release := a_release(claimed))
                claimed = evolve(claimed, release_id=release.id, commit_sha=release.commit_sha)
            for phase in (Phase.START, Phase.SWITCH, Phase.RUN):
                claimed = await uow.deployments.update(claimed.enter(phase, at=self.clock()))
            await uow.targets.put(
                Target(
                    project_id=claimed.project_id,
                    name=claimed.target,
                    deployment_id=claimed.id,
                    sequence=claimed.sequence,
                )
            )
        await self.events.publish(DeploymentMoved(deployment=claimed))
        return claimed

    async def fail(self) -> Deployment:
        """Take the next deployment and let it fail."""
        async with self.storage.transaction() as uow:
            claimed = await uow.deployments.claim("worker-1", at=self.clock())
            assert claimed is not None
            failed = await uow.deployments.update(claimed.fail("No luck.", at=self.clock()))
        await self.events.publish(DeploymentMoved(deployment=failed))
        return failed

    async def say(self, deployment_id: str, *messages: str) -> None:
        """Let a deployment say something."""
        id = DeploymentId(UUID(deployment_id))
        async with self.storage.transaction() as uow:
            lines = await uow.logs.append(id, [an_entry(message) for message in messages])
        await self.events.publish(LinesWritten(deployment_id=id, lines=lines))


@define
class Broken:
    """A service that always fails in a way that nobody foresaw."""

    secret: str = field(default="postgresql://admin:hunter2@db/pushpaka")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError(self.secret)

        return fail


def _application(
    clock: SteppedClock,
    storage: MemoryStorage,
    events: MemoryEventBus,
    parts: Parts,
    registration: RegistrationPolicy,
) -> Application:
    cipher, queue, addresses = MemoryCipher(), MemoryQueue(), Addresses(port=8000)
    journal, moves = Journal(clock, uuid4), Moves(clock, uuid4)
    recheck = timedelta(seconds=0.2)
    return Application(
        accounts=AccountService(
            storage=storage,
            hasher=PlainHasher(),
            signer=MemorySigner(),
            journal=journal,
            now=clock,
            new_id=uuid4,
            registration=registration,
            token_lifetime=timedelta(hours=1),
        ),
        projects=ProjectService(
            storage=storage,
            queue=queue,
            events=events,
            cipher=cipher,
            journal=journal,
            moves=moves,
            addresses=addresses,
            policy=SourcePolicy(),
            canonical_framework=canonical_framework,
            now=clock,
            new_id=uuid4,
        ),
        deployments=DeploymentService(
            storage=storage,
            queue=queue,
            events=events,
            environments=Environments(cipher),
            journal=journal,
            moves=moves,
            now=clock,
            new_id=uuid4,
            recheck=recheck,
        ),
        logs=LogService(storage=storage, events=events, recheck=recheck),
        env_vars=EnvVarService(
            storage=storage, cipher=cipher, journal=journal, now=clock, new_id=uuid4
        ),
        custom_domains=CustomDomainService(
            storage=storage, journal=journal, addresses=addresses, now=clock, new_id=uuid4
        ),
        audit=AuditService(storage=storage),
        health=HealthService(
            version="0.1.0",
            checks={
                "database": parts.check_database,
                "redis": parts.check_redis,
                "router": None,
            },
        ),
        addresses=addresses,
        engine=cast("Engine", None),  # no worker runs here: the tests are its hands
    )
