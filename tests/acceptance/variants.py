"""On what an instance stands: on files of its own, on PostgreSQL and Redis, or on an engine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from tests.engine.opened import DOCKER
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer

SERVERS = "servers"
_NEEDED = [pytest.mark.needs("postgres"), pytest.mark.needs("redis")]
VARIANTS = ("embedded", pytest.param(SERVERS, marks=_NEEDED))
"""The parameters of a fixture that opens an instance for processes."""
ALL_VARIANTS = (*VARIANTS, DOCKER)
"""Those of one whose tests hold for containers as well."""
RUNTIMES = ("embedded", DOCKER)
BUILDS = pytest.mark.parametrize("shared", RUNTIMES, indirect=True, scope="session")
"""For tests that take long, and are about builds: on servers these are the same."""


@contextmanager
def settings_of(request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    """Return the settings of the variant that a fixture is asked for."""
    if request.param != SERVERS:
        yield {"PUSHPAKA_RUNTIME": "docker"} if request.param == "docker" else {}
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    redis: RedisServer = request.getfixturevalue("shared_redis")
    with postgres.database() as url:
        yield {"PUSHPAKA_DATABASE_URL": url, "PUSHPAKA_REDIS_URL": redis.url}
