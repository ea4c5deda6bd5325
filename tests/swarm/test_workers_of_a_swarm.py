"""Workers on several machines of a Swarm, each of which builds on its own engine."""

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from secrets import token_bytes
from signal import SIGKILL
from uuid import uuid4

import pytest
from anyio import create_task_group, sleep, to_thread
from tests.acceptance.apps import repository_of
from tests.acceptance.gates import Gate
from tests.acceptance.people import OWN_ADDRESSES, Json, Person, messages
from tests.adapters.traefik.conftest import free_entry_points
from tests.adapters.traefik.elsewhere import TOKEN, traefik_elsewhere
from tests.engine.base_images import DEBIAN
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer
from tests.served import LEAN_WORKER, Served, open_served
from tests.swarm.machines import Swarm
from tests.swarm.registry import PASSWORD
from tests.swarm.test_served_on_a_swarm import tasks_of, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("postgres"),
    pytest.mark.needs("redis"),
    pytest.mark.needs("swarm"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

DOCKERFILE = f"FROM {DEBIAN}\nCOPY app.pl /\nRUN {{wait}}\nCMD perl /app.pl\n"
SERVER = """\
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 9) or die;
while (my $caller = $listener->accept) {
    sysread $caller, my $request, 4096;
    print $caller "HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nv1";
}
"""


@pytest.fixture
def managers(swarm: Swarm) -> Iterator[Swarm]:
    """Make both machines managers."""
    node_id = swarm.worker.id
    swarm.load(DEBIAN, node=swarm.worker)
    swarm.manager.docker("node", "promote", node_id)
    swarm.worker.until_it_manages(wanted=True)
    yield swarm
    swarm.manager.docker("node", "demote", node_id)
    swarm.worker.until_it_manages(wanted=False)


@pytest.fixture
async def served(
    managers: Swarm, postgres: PostgresServer, shared_redis: RedisServer
) -> AsyncIterator[Served]:
    """Return an API without a worker, on servers that others reach, with a router elsewhere."""
    entry_points = free_entry_points()
    keys = {"PUSHPAKA_SECRET_KEY": uuid4().hex, "PUSHPAKA_ENCRYPTION_KEYS": _encryption_key()}
    settings = {
        "PUSHPAKA_CONCURRENCY": "1",
        "PUSHPAKA_REDIS_URL": shared_redis.url,
        "PUSHPAKA_ROUTER_TOKEN": TOKEN,
        "PUSHPAKA_ROUTER_URLS": f"http://{entry_points.internal_address}",
        "PUSHPAKA_TEST_TIMING": "fast",
    }
    with postgres.database() as url:
        database = {"PUSHPAKA_DATABASE_URL": url}
        async with open_served(
            **OWN_ADDRESSES, **managers.settings, **settings, **keys, **database
        ) as opened:
            opened.deploys, opened.router_port = False, entry_points.port
            await opened.start()
            async with traefik_elsewhere(opened.directory, entry_points, opened.port):
                yield opened


async def test_what_a_killed_worker_has_begun_another_machine_brings_to_its_end(
    managers: Swarm, served: Served
) -> None:
    """Both build at once, each on its machine; what runs is there once, and is routed."""
    elsewhere = {
        "PUSHPAKA_DATA_DIRECTORY": str(served.directory / "elsewhere"),
        "PUSHPAKA_DOCKER_URL": managers.worker.url,
    }
    async with (
        Person.signed_up(served) as ann,
        served.worker(**_by_a_file(served.directory)) as staying,
        served.worker(LEAN_WORKER, **elsewhere) as killed,
    ):
        projects = [await _slow(ann, served, name) for name in ("one", "two")]
        begun = [await ann.begin(project) for project, _ in projects]
        for deployment in begun:
            await ann.until_logged(deployment, "waiting")

        killed.send_signal(SIGKILL)
        async with create_task_group() as gates:
            for _, gate in projects:
                gates.start_soon(_keep_open, gate)
            ended = [await ann.outcome(deployment) for deployment in begun]
            gates.cancel_scope.cancel()
        waits = [messages(await ann.log(one)).count("waiting") for one in ended]
        answers = [(await ann.visit(project["url"])).text for project, _ in projects]
        for deployment in ended:
            await until(partial(_runs_once, managers, deployment))
        await ann.leave()
        await until(partial(_has_nothing, managers))

    assert staying.pid != killed.pid
    assert ["running"] * 2 == [one["status"] for one in ended], [one["error"] for one in ended]
    assert max(waits) > 1
    assert ["v1", "v1"] == answers


async def _slow(ann: Person, served: Served, name: str) -> tuple[Json, Gate]:
    """Make an application whose build waits."""
    gate = Gate(Path("/tmp") / f"{name}-{uuid4().hex}")  # noqa: S108 - of a container
    files = {"app.pl": SERVER, "Dockerfile": DOCKERFILE.format(wait=gate.command)}
    repository = await to_thread.run_sync(repository_of, served.repositories / name, files)
    return await ann.project(repository.path, name), gate


async def _keep_open(gate: Gate) -> None:
    while True:
        await gate.open()
        await sleep(0.5)


async def _runs_once(swarm: Swarm, deployment: Json) -> bool:
    return (await tasks_of(swarm, deployment)).total() == 1


async def _has_nothing(swarm: Swarm) -> bool:
    listed = await to_thread.run_sync(swarm.manager.docker, "service", "ls", "--quiet")
    return not listed.split()


def _by_a_file(directory: Path) -> dict[str, str]:
    """Return the settings of who reads the password of the registry from a file."""
    file = directory / "registry-password"
    file.write_text(f"{PASSWORD}\n")
    return {"PUSHPAKA_REGISTRY_PASSWORD": "", "PUSHPAKA_REGISTRY_PASSWORD_FILE": str(file)}


def _encryption_key() -> str:
    return f"tests={b64encode(token_bytes(32)).decode()}"
