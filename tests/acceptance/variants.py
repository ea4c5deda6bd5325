"""On what an instance stands: files of its own, PostgreSQL and Redis, an engine, or a Swarm."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from tests.engine.opened import DOCKER
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer
from tests.swarm.machines import Swarm
from tests.swarm.opened import SWARM

SERVERS = "servers"
_NEEDED = [pytest.mark.needs("postgres"), pytest.mark.needs("redis")]
VARIANTS = ("embedded", pytest.param(SERVERS, marks=_NEEDED))
"""The parameters of a fixture that opens an instance for processes."""
ALL_VARIANTS = (*VARIANTS, DOCKER, SWARM)
"""Those of one whose tests hold for containers as well, on one machine and on several."""
RUNTIMES = ("embedded", DOCKER)
BEFORE_BUILDS = pytest.mark.parametrize("shared", VARIANTS, indirect=True, scope="session")
"""For tests of what no runtime ever sees: it is not there, or never comes to be built."""
BUILDS = pytest.mark.parametrize("shared", RUNTIMES, indirect=True, scope="session")
"""For tests that take long, and are about builds: on servers these are the same."""
ON_ONE_MACHINE = pytest.mark.parametrize(
    "shared", [*VARIANTS, DOCKER], indirect=True, scope="session"
)
"""
For tests that build for long, of plans, or of what is built: a Swarm runs what one of its
engines has built.
"""


@contextmanager
def settings_of(request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    """Return the settings of the variant that a fixture is asked for."""
    if request.param == "swarm":
        swarm: Swarm = request.getfixturevalue("swarm")
        swarm.load("python:3.13-slim", "caddy:2")
        yield swarm.settings
        return
    if request.param != SERVERS:
        yield {"PUSHPAKA_RUNTIME": "docker"} if request.param == "docker" else {}
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    redis: RedisServer = request.getfixturevalue("shared_redis")
    with postgres.database() as url:
        yield {"PUSHPAKA_DATABASE_URL": url, "PUSHPAKA_REDIS_URL": redis.url}
