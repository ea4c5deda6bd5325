"""The variants of the tested instance: embedded, with servers, on Docker and on a Swarm."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from tests.engine.base_images import ensure
from tests.engine.opened import DOCKER
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.swarm.machines import Swarm
from tests.swarm.opened import SWARM

EMBEDDED, SERVERS = "embedded", "servers"
ON_SERVERS = pytest.param(
    SERVERS, marks=[pytest.mark.needs("postgres"), pytest.mark.needs("redis")]
)
"""An instance with PostgreSQL and Redis, two APIs and two workers."""
VARIANTS = (EMBEDDED, ON_SERVERS)
"""The variants that differ in their storage. Both use the process runtime."""
RUNTIMES = (EMBEDDED, DOCKER)
ALL_RUNTIMES = (*RUNTIMES, SWARM)


def on(*variants: object) -> pytest.MarkDecorator:
    """Return a decorator that runs a test on these variants of the shared instance."""
    return pytest.mark.parametrize("shared_instance", variants, indirect=True, scope="session")


ON_EMBEDDED = on(EMBEDDED)
"""Decorates tests of features that do not depend on the runtime or the storage."""
ON_ALL_RUNTIMES = on(*ALL_RUNTIMES)
"""Decorates tests that depend on the runtime adapter."""


@contextmanager
def settings_of(request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    """Yield the settings of the variant that parametrizes a fixture."""
    match request.param:
        case "swarm":
            swarm: Swarm = request.getfixturevalue("swarm")
            swarm.load("python:3.13-slim", "caddy:2", "postgres:17")
            yield swarm.settings
        case "servers":
            postgres: PostgresServer = request.getfixturevalue("postgres")
            redis: RedisServer = request.getfixturevalue("shared_redis")
            with postgres.database() as url:
                yield {"PUSHPAKA_DATABASE_URL": url, "PUSHPAKA_REDIS_URL": redis.url}
        case "docker":
            ensure("postgres:17")
            yield {"PUSHPAKA_RUNTIME": "docker"}
        case _:
            yield {}
