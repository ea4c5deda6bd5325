"""What all tests share: the backend, the guard of the event loop, the components that are there."""

import io
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings
from tests.acme_server import lacks_own_names
from tests.browser import lacks_browser
from tests.engine.engines import lacks_docker
from tests.engine.own_engine import lacks_own_engine
from tests.engine.registry import lacks_registry
from tests.faketime import lacks_faketime
from tests.packages.components import lacks_compose, lacks_systemd
from tests.postgres import lacks_postgres, postgres, shared_storage
from tests.redis_server import lacks_redis, own_redis, shared_redis
from tests.sshd import lacks_sshd
from tests.swarm.machines import lacks_swarm, swarm

from pushpaka_core.adapters.traefik.binary import Binaries
from pushpaka_core.errors import SettingsError

pytest.register_assert_rewrite("pushpaka_core.testing", "tests.faults.served.holdings")

# On a busy machine examples come slowly, and take long.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def _lacks_traefik() -> str | None:
    try:
        Binaries.find(os.environ.get("PATH", ""))
    except SettingsError as error:
        return str(error)
    return None


LACKS: Mapping[str, Callable[[], str | None]] = {
    "browser": lacks_browser,
    "compose": lacks_compose,
    "docker": lacks_docker,
    "faketime": lacks_faketime,
    "own engine": lacks_own_engine,
    "own names": lacks_own_names,
    "postgres": lacks_postgres,
    "registry": lacks_registry,
    "redis": lacks_redis,
    "sshd": lacks_sshd,
    "swarm": lacks_swarm,
    "systemd": lacks_systemd,
    "traefik": _lacks_traefik,
}
"""For each component that a test may need: what says why it cannot be started here."""

__all__ = ["own_redis", "postgres", "shared_redis", "shared_storage", "swarm"]
"""Fixtures of a module beside this one."""

REQUIRED = frozenset(os.environ.get("PUSHPAKA_TEST_REQUIRE", "").split(","))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let those that need a Swarm be chosen, or left out: they are a question of their own."""
    if any("swarm" in marker.args for marker in item.iter_markers("needs")):
        item.add_marker("swarm")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose component is not there, or fail it where the component is required."""
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
    """Let programs of tests be interrupted also where these run in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def no_blocking_calls() -> Iterator[None]:
    """Fail what blocks the event loop from within our own packages."""
    ours = ["pushpaka_core", "pushpaka_http", "pushpaka_worker"]
    # Migrations have a loop to themselves.
    sql = "pushpaka_core.adapters.sql"
    spared = ["pushpaka_core.testing", f"{sql}.migration", f"{sql}.migrations"]
    with blockbuster_ctx(scanned_modules=ours, excluded_modules=spared) as guard:
        for function in guard.functions.values():
            function.can_block_in("adapters/security/key_file.py", {"_look", "_read"})
            function.can_block_in("semantic_version/__init__.py", {"<module>"})
        yield


@pytest.fixture
def server_log() -> Iterator[io.StringIO]:
    """Return what the server's log may be written to, until the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
