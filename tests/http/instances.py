"""A whole instance in memory, as the tests of the API need it, with the hands of a worker."""

from datetime import timedelta
from typing import Self, cast
from uuid import UUID

from attrs import define, evolve, frozen
from tests.services.world import SteppedClock, World

from pushpaka_core.application import Application
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.engine import Engine
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.health import HealthService, Lifetime
from pushpaka_core.services.one_offs import OneOffService
from pushpaka_core.services.projects import ProjectService
from pushpaka_core.services.system import SystemService, Technologies


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
    world: World
    clock: SteppedClock
    parts: Parts

    @classmethod
    def empty(
        cls,
        registration: RegistrationPolicy = RegistrationPolicy.OPEN,
        quotas: Quotas | None = None,
    ) -> Self:
        """Return an instance without anything in it."""
        clock, parts = SteppedClock(), Parts()
        recheck = timedelta(seconds=0.2)
        world = World.of(clock, registration=registration, recheck=recheck, quotas=quotas)
        return cls(application=_application(world, parts), world=world, clock=clock, parts=parts)

    async def serve(self) -> None:
        """Take the next deployment up to where it runs."""
        await self.world.served()

    async def fail(self) -> None:
        """Take the next deployment and let it fail."""
        await self.world.failed()

    async def say(self, deployment_id: str, *messages: str) -> None:
        """Let a deployment say something."""
        await self.world.say(DeploymentId(UUID(deployment_id)), *messages)

    def broken(self, error: Exception) -> Application:
        """Return the application with a part that raises *error*, whatever is asked of it."""
        projects = cast("ProjectService", _Broken(error))
        return evolve(self.application, projects=projects)

    def without_accounts(self, error: Exception) -> Application:
        """Return the application in which nobody can even be recognised."""
        return evolve(self.application, accounts=cast("AccountService", _Broken(error)))


@frozen
class _Broken:
    _error: Exception

    async def all(self, *_: object) -> None:
        raise self._error

    async def authenticate(self, *_: object) -> None:
        raise self._error

    def problems_in(self, _: object) -> dict[str, str]:
        return {}


def _application(world: World, parts: Parts) -> Application:
    health = HealthService(
        version="0.1.0",
        checks={"database": parts.check_database, "redis": parts.check_redis, "router": None},
    )
    return Application(
        accounts=world.accounts,
        api_tokens=world.api_tokens,
        projects=world.projects,
        members=world.members,
        invitations=world.invitations,
        deployments=world.deployments,
        archives=world.archives,
        plans=world.plans,
        serving=world.serving,
        one_offs=cast("OneOffService", None),  # no request runs commands
        logs=world.logs,
        env_vars=world.env_vars,
        deploy_keys=world.deploy_keys,
        custom_domains=world.custom_domains,
        webhooks=world.webhooks,
        notifications=world.notifications,
        deliveries=world.deliveries,
        audit=world.audit,
        health=health,
        lifetime=Lifetime(),
        system=SystemService(
            storage=world.storage,
            version="0.1.0",
            base_domain="localhost",
            technologies=Technologies(),
            timings=Timings(),
            now=world.clock,
        ),
        addresses=Addresses(port=8000),
        technologies=Technologies(),
        engine=cast("Engine", None),  # no worker runs here: the tests are its hands
    )
