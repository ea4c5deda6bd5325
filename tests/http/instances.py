"""An instance in memory for tests of the API, with methods that replace a worker."""

from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any, Self, cast
from uuid import UUID

import attrs
from attrs import define, evolve, frozen
from attrs.exceptions import FrozenInstanceError
from litestar import Litestar
from litestar.di import Provide
from tests.service_fixtures import SequentialIds, Services, SteppedClock

from pushpaka_core.adapters.memory.storage.tables import Tables
from pushpaka_core.container.application import Application
from pushpaka_core.container.volumes import snapshot_taker, volume_restorer
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.services.accounts.accounts import AccountService
from pushpaka_core.services.platform.platform_health import HealthService
from pushpaka_core.services.platform.system import AdapterNames, SystemService
from pushpaka_core.services.projects.projects import ProjectService
from pushpaka_http.app import create_app
from pushpaka_http.metrics import Metrics
from pushpaka_http.middleware.rate_limits import Limits, LocalRateCounters


@define
class Components:
    """Health checks of the database and of Redis, which tests can make fail."""

    is_database_up: bool = True
    is_redis_up: bool = True

    async def check_database(self) -> None:
        """Raise StorageUnavailableError if the database is down."""
        if not self.is_database_up:
            raise StorageUnavailableError("The database does not respond.")

    async def check_redis(self) -> None:
        """Raise StorageUnavailableError if Redis is down."""
        if not self.is_redis_up:
            raise StorageUnavailableError("Redis is not responding.")


@frozen(kw_only=True)
class Instance:
    """An application and the memory adapters behind it."""

    application: Application
    services: Services
    clock: SteppedClock
    components: Components

    @classmethod
    def empty(
        cls,
        registration: RegistrationPolicy = RegistrationPolicy.OPEN,
        quotas: Quotas | None = None,
    ) -> Self:
        """Return a new instance without users."""
        clock, components = SteppedClock(), Components()
        poll_interval = timedelta(seconds=0.2)
        services = Services.of(
            clock=clock, registration=registration, poll_interval=poll_interval, quotas=quotas
        )
        return cls(
            application=_application(services, components),
            services=services,
            clock=clock,
            components=components,
        )

    async def serve(self) -> None:
        """Claim the next deployment and activate it."""
        await self.services.run_next()

    async def fail(self) -> None:
        """Claim the next deployment and make it fail."""
        await self.services.fail_next()

    async def take_snapshots(self) -> None:
        """Take and restore the requested snapshots, as a worker does."""
        await snapshot_taker(self.services.adapters, self.services.options).take_due()
        await volume_restorer(self.services.adapters, self.services.options).restore_due()

    async def say(self, deployment_id: str, *messages: str) -> None:
        """Write lines to the log of a deployment."""
        await self.services.publish_lines(DeploymentId(UUID(deployment_id)), *messages)

    def save(self) -> Tables:
        """Return the state of the database, to be passed to `restore`."""
        return self.services.storage._committed

    def restore(self, tables: Tables) -> None:
        """Replace the state of the database with the result of `save`."""
        self.services.storage._committed = tables

    def reset(self) -> None:
        """Delete all data and reset the clock, but do not reuse ids."""
        _copy_state(type(self).empty(), self, set())
        counters = self.application.rate_counters
        if isinstance(counters, LocalRateCounters):
            counters._expiries.clear()

    def with_failing_projects(self, error: Exception) -> Application:
        """Return a copy of the application whose project service raises *error*."""
        projects = cast("ProjectService", FailingService(error))
        return evolve(self.application, projects=projects)

    def with_failing_accounts(self, error: Exception) -> Application:
        """Return a copy of the application whose account service raises *error*."""
        return evolve(self.application, accounts=cast("AccountService", FailingService(error)))


@frozen
class SharedApp:
    """An instance and its API, built once per process and emptied between tests."""

    instance: Instance
    app: Litestar

    def clear(self) -> Instance:
        """Empty the instance, and return it."""
        self.instance.reset()
        metrics, fresh = self.app.dependencies["metrics"], Metrics()
        assert isinstance(metrics, Provide)
        for each in attrs.fields(Metrics):
            setattr(metrics.dependency(), each.name, getattr(fresh, each.name))
        return self.instance


@cache
def shared_app(limits: Limits) -> SharedApp:
    """
    Return the shared API with these limits.

    Tests share an API, because building one takes longer than most tests.
    """
    instance = Instance.empty()
    application = evolve(instance.application, rate_counters=LocalRateCounters())
    instance = evolve(instance, application=application)
    return SharedApp(instance, create_app(application, limits=limits))


def _copy_state(source: Any, target: Any, copied_ids: set[int]) -> None:
    """Set the attributes of *target*, and of objects in them, to those of *source*."""
    if id(target) in copied_ids or isinstance(target, SequentialIds):
        return
    copied_ids.add(id(target))
    for each in attrs.fields(type(target)):
        ours, theirs = getattr(target, each.name), getattr(source, each.name)
        is_part = attrs.has(type(ours)) and not isinstance(ours, Tables)
        if is_part and type(ours) is type(theirs):
            _copy_state(theirs, ours, copied_ids)
        elif not callable(ours):
            with suppress(FrozenInstanceError):
                setattr(target, each.name, theirs)


@define
class FailingService:
    """A service whose methods raise `error`."""

    error: Exception

    async def all(self, *_: object) -> None:
        raise self.error

    async def authenticate(self, *_: object) -> None:
        raise self.error

    def validate_settings(self, _: object) -> dict[str, str]:
        return {}


def _application(services: Services, components: Components) -> Application:
    health = HealthService(
        version="0.1.0",
        checks={
            "database": components.check_database,
            "redis": components.check_redis,
            "router": None,
        },
    )
    return evolve(
        services.application,
        health=health,
        system=SystemService(
            storage=services.storage,
            version="0.1.0",
            base_domain="localhost",
            adapter_names=AdapterNames(),
            timeouts=Timeouts(),
            now=services.clock,
        ),
    )
