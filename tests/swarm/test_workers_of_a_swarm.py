"""Workers on both machines of a Swarm, each of which builds on its own engine."""

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from secrets import token_bytes
from signal import SIGKILL
from uuid import uuid4

import pytest
from anyio import create_task_group, sleep, to_thread
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.gates import Gate
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person, messages
from tests.adapters.traefik.conftest import free_entry_points
from tests.adapters.traefik.remote_traefiks import TOKEN, run_remote_traefik
from tests.engine.base_images import DEBIAN
from tests.engine.registry import PASSWORD
from tests.served_instance import LEAN_WORKER, ServedInstance, open_served
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.swarm.machines import Swarm
from tests.swarm.tasks import count_tasks, poll_until

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
    """Yield the Swarm with both machines as managers."""
    node_id = swarm.worker.id
    swarm.load(DEBIAN, node=swarm.worker)
    swarm.manager.docker("node", "promote", node_id)
    swarm.worker.wait_until_manager(is_manager=True)
    yield swarm
    swarm.manager.docker("node", "demote", node_id)
    swarm.worker.wait_until_manager(is_manager=False)


@pytest.fixture
async def served_instance(
    managers: Swarm, postgres: PostgresServer, shared_redis: RedisServer
) -> AsyncIterator[ServedInstance]:
    """Yield an instance whose API runs no worker, with PostgreSQL, Redis and a separate router."""
    entry_points = free_entry_points()
    keys = {"PUSHPAKA_SECRET_KEY": uuid4().hex, "PUSHPAKA_ENCRYPTION_KEYS": _encryption_key()}
    settings = {
        "PUSHPAKA_CONCURRENCY": "1",
        "PUSHPAKA_REDIS_URL": shared_redis.url,
        "PUSHPAKA_ROUTER_TOKEN": TOKEN,
        "PUSHPAKA_ROUTER_URLS": f"http://{entry_points.internal_address}",
        "PUSHPAKA_TEST_TIMING": "fast:8",
    }
    with postgres.database() as url:
        database = {"PUSHPAKA_DATABASE_URL": url}
        async with open_served(
            **OWN_ADDRESSES, **managers.settings, **settings, **keys, **database
        ) as opened:
            opened.deploys, opened.router_port = False, entry_points.port
            await opened.start()
            async with run_remote_traefik(opened.directory, entry_points, opened.port):
                yield opened


async def test_worker_of_another_machine_finishes_a_job_of_a_killed_worker(
    managers: Swarm, served_instance: ServedInstance
) -> None:
    """When one worker is killed, the other finishes both builds. Each deployment runs once."""
    elsewhere = {
        "PUSHPAKA_DATA_DIRECTORY": str(served_instance.directory / "elsewhere"),
        "PUSHPAKA_DOCKER_URL": managers.worker.url,
    }
    async with (
        Person.sign_up(served_instance) as ann,
        served_instance.worker(**_password_file_settings(served_instance.directory)) as staying,
        served_instance.worker(LEAN_WORKER, **elsewhere) as killed,
    ):
        projects = [
            await _create_slow_project(ann, served_instance, name) for name in ("one", "two")
        ]
        begun = [await ann.begin(project) for project, _ in projects]
        for deployment in begun:
            await ann.wait_until_logged(deployment, "waiting")

        killed.send_signal(SIGKILL)
        async with create_task_group() as gates:
            for _, gate in projects:
                gates.start_soon(_keep_open, gate)
            ended = [await ann.outcome(deployment) for deployment in begun]
            gates.cancel_scope.cancel()
        waits = [messages(await ann.log(one)).count("waiting") for one in ended]
        answers = [(await ann.visit(project["url"])).text for project, _ in projects]
        for deployment in ended:
            await poll_until(partial(_runs_once, managers, deployment))
        await ann.leave()
        await poll_until(partial(_has_no_services, managers))

    assert staying.pid != killed.pid
    assert ["running"] * 2 == [one["status"] for one in ended], [one["error"] for one in ended]
    assert max(waits) > 1
    assert ["v1", "v1"] == answers


async def _create_slow_project(
    ann: Person, served_instance: ServedInstance, name: str
) -> tuple[Json, Gate]:
    """Create a project whose build waits at a gate, and return both."""
    gate = Gate(Path("/tmp") / f"{name}-{uuid4().hex}")  # noqa: S108 - of a container
    files = {"app.pl": SERVER, "Dockerfile": DOCKERFILE.format(wait=gate.command)}
    repository = await to_thread.run_sync(repository_of, served_instance.repositories / name, files)
    return await ann.project(repository.path, name), gate


async def _keep_open(gate: Gate) -> None:
    while True:
        await gate.open()
        await sleep(0.5)


async def _runs_once(swarm: Swarm, deployment: Json) -> bool:
    return (await count_tasks(swarm, deployment)).total() == 1


async def _has_no_services(swarm: Swarm) -> bool:
    listed = await to_thread.run_sync(swarm.manager.docker, "service", "ls", "--quiet")
    return not listed.split()


def _password_file_settings(directory: Path) -> dict[str, str]:
    """Return the settings that make a worker read the registry's password from a file."""
    file = directory / "registry-password"
    file.write_text(f"{PASSWORD}\n")
    return {"PUSHPAKA_REGISTRY_PASSWORD": "", "PUSHPAKA_REGISTRY_PASSWORD_FILE": str(file)}


def _encryption_key() -> str:
    return f"tests={b64encode(token_bytes(32)).decode()}"
