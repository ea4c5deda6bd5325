"""Configures all tests: the event loop, blocking calls, and optional components."""

import io
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings
from tests.engine.engines import docker_unavailable_reason
from tests.engine.own_engine import own_engine_unavailable_reason
from tests.engine.registry import registry_unavailable_reason
from tests.machine.browser import browser_unavailable_reason
from tests.machine.faketime import faketime_unavailable_reason
from tests.packages.components import compose_unavailable_reason, systemd_unavailable_reason
from tests.servers.acme import own_names_unavailable_reason
from tests.servers.postgres import postgres, postgres_unavailable_reason, shared_storage
from tests.servers.redis import own_redis, redis_unavailable_reason, shared_redis
from tests.servers.sshd import sshd_unavailable_reason
from tests.swarm.machines import swarm, swarm_unavailable_reason
from tests.upgrades.instances import versions

from pushpaka_core.adapters.traefik.binaries import Binaries
from pushpaka_core.errors import SettingsError

pytest.register_assert_rewrite("pushpaka_core.testing", "tests.faults.served.resources")

# Use the same examples in each run, however slow they are. `nox -s fuzz` tries new ones.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


def _traefik_unavailable_reason() -> str | None:
    try:
        Binaries.find(os.environ.get("PATH", ""))
    except SettingsError as error:
        return str(error)
    return None


LACKS: Mapping[str, Callable[[], str | None]] = {
    "browser": browser_unavailable_reason,
    "compose": compose_unavailable_reason,
    "docker": docker_unavailable_reason,
    "faketime": faketime_unavailable_reason,
    "own engine": own_engine_unavailable_reason,
    "own names": own_names_unavailable_reason,
    "postgres": postgres_unavailable_reason,
    "registry": registry_unavailable_reason,
    "redis": redis_unavailable_reason,
    "sshd": sshd_unavailable_reason,
    "swarm": swarm_unavailable_reason,
    "systemd": systemd_unavailable_reason,
    "traefik": _traefik_unavailable_reason,
}
"""For each component, a function that returns why it cannot be started here, or None."""

__all__ = ["own_redis", "postgres", "shared_redis", "shared_storage", "swarm", "versions"]
"""Fixtures that are imported from other modules."""

REQUIRED = frozenset(os.environ.get("PUSHPAKA_TEST_REQUIRE", "").split(","))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose component is missing, or fail the test if the component is required."""
    for marker in item.iter_markers("needs"):
        (component,) = marker.args
        if (reason := LACKS[component]()) is None:
            continue
        if component in REQUIRED:
            pytest.fail(f"{component} is required, but: {reason}")
        pytest.skip(f"{component}: {reason}")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Restore the SIGINT handler, because shells make background jobs ignore the signal."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def no_blocking_calls() -> Iterator[None]:
    """Fail tests in which our packages block the event loop."""
    ours = ["pushpaka_core", "pushpaka_http", "pushpaka_worker"]
    # Migrations run in their own event loop.
    sql = "pushpaka_core.adapters.sql"
    spared = ["pushpaka_core.testing", f"{sql}.migration", f"{sql}.migrations"]
    with blockbuster_ctx(scanned_modules=ours, excluded_modules=spared) as guard:
        for function in guard.functions.values():
            function.can_block_in("adapters/security/key_file.py", {"_look", "_read"})
            function.can_block_in("pushpaka_http/openapi_schemas.py", {"_class_bodies"})
            function.can_block_in("semantic_version/__init__.py", {"<module>"})
        yield


@pytest.fixture
def server_log() -> Iterator[io.StringIO]:
    """Yield a stream for the server log, and restore the logging configuration after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
