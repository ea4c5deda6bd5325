"""Tests workers that share a database with an API that does not deploy."""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from pathlib import Path as SyncPath
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import pytest
from anyio import Path, fail_after, sleep, to_thread
from anyio.abc import Process
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.gates import wait_command
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages, numbers
from tests.acceptance.tools.traces import wait_until_gone
from tests.faults.served.instances import WITH_TAKEOVERS, Owner, wait_for_response
from tests.faults.served.resources import database_state, wait_until_cleaned_up
from tests.served_instance import LEAN_WORKER, ServedInstance, open_served
from tests.servers.postgres import PostgresServer

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.platform.failpoints import COMMIT

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_DEAF = "trap '' TERM INT HUP; "
"""A prefix that makes a build command ignore the signals that should stop it."""


@pytest.fixture(scope="class")
async def instance(database: Mapping[str, str]) -> AsyncIterator[ServedInstance]:
    """Return an instance whose API runs no worker, and whose workers run one job at a time."""
    async with open_served(**WITH_TAKEOVERS, PUSHPAKA_CONCURRENCY="1", **database) as served:
        served.deploys = False
        yield await served.start()


@pytest.fixture(scope="class")
async def admin(instance: ServedInstance) -> AsyncIterator[Person]:
    """Return an administrator, who can list the workers."""
    async with Owner.sign_up(instance) as person:
        made = await instance.run("users", "admin", person.email)
        assert 0 == made.code, made.errors
        yield person


async def wait_until_load(admin: Person, *jobs: int) -> Json:
    """Wait until the workers' numbers of jobs are *jobs*, in any order. Return the system state."""
    with fail_after(PATIENCE):
        while sorted(jobs) != sorted(w["jobs"] for w in (await system_state(admin))["workers"]):
            await sleep(0.05)
    return await system_state(admin)


async def system_state(admin: Person) -> Json:
    return await admin.ask("GET", "/system")


async def slow_project(
    admin: Person, repositories: SyncPath, name: str, prefix: str = ""
) -> tuple[Json, Path]:
    """
    Return a project whose build waits for a file, and the path of that file.

    The build command starts with *prefix*.
    """
    gate = Path(repositories / f"{name}-gate")
    command = prefix + wait_command(gate)
    made = repository_of(repositories / name, server(name))
    return await admin.project(made.path, name, build_command=command), gate


async def active_row(instance: ServedInstance, deployment: Json) -> Deployment:
    """Return the row of an active deployment."""
    serving = (await database_state(instance)).serving
    return next(served for served in serving if str(served.id) == deployment["id"])


async def wait_until_built_twice(admin: Person, deployment: Json) -> None:
    with fail_after(PATIENCE):
        while messages(await admin.log(deployment)).count("waiting") < 2:
            await sleep(0.1)


async def wait_until_ended(worker: Process) -> int:
    with fail_after(PATIENCE):
        return await worker.wait()


class ManyWorkersTests:
    """Tests that run once for each kind of database."""

    async def test_worker_that_continues_after_a_long_pause_does_no_harm(
        self, *, instance: ServedInstance, admin: Person, repositories: SyncPath
    ) -> None:
        """Another worker takes over the job. When the first one continues, it cannot write."""
        shop, gate = await slow_project(admin, repositories, "late")
        async with instance.worker() as stopped:
            deployment = await admin.begin(shop)
            await admin.wait_until_logged(deployment, "waiting")
            async with instance.worker():
                await wait_until_load(admin, 0, 1)
                await self.pause(instance, stopped)
                await wait_until_built_twice(admin, deployment)
                stopped.send_signal(SIGCONT)
                await gate.touch()
                running = await admin.outcome(deployment)
                await wait_until_load(admin, 0, 0)
                await wait_until_cleaned_up(instance)

        lines = await admin.log(running)
        assert "running" == running["status"], running["error"]
        assert 2 == (await active_row(instance, deployment)).fence
        assert list(range(1, len(lines) + 1)) == numbers(lines)
        assert "late" == await admin.read(shop)

    async def pause(self, instance: ServedInstance, worker: Process) -> None:  # noqa: ARG002
        """Suspend a worker at any point."""
        worker.send_signal(SIGSTOP)


class TestSqliteWorkers(ManyWorkersTests):
    @pytest.fixture(scope="class")
    @classmethod
    def database(cls) -> Mapping[str, str]:
        return {}

    async def pause(self, instance: ServedInstance, worker: Process) -> None:
        """Suspend a worker when it is not writing. SQLite's lock would block all other workers."""
        file = instance.data_directory / "pushpaka.sqlite"
        with fail_after(PATIENCE):
            worker.send_signal(SIGSTOP)
            while await to_thread.run_sync(is_locked, file):
                worker.send_signal(SIGCONT)
                await sleep(0.01)
                worker.send_signal(SIGSTOP)


@pytest.mark.needs("postgres")
class TestPostgresWorkers(ManyWorkersTests):
    @pytest.fixture(scope="class")
    @classmethod
    def database(cls, postgres: PostgresServer) -> Iterator[Mapping[str, str]]:
        with postgres.database() as url:
            yield {"PUSHPAKA_DATABASE_URL": url}

    async def test_workers_share_the_queue(
        self, *, instance: ServedInstance, admin: Person, repositories: SyncPath
    ) -> None:
        """Each worker runs its own job at the same time, and an administrator sees both workers."""
        projects = [await slow_project(admin, repositories, name) for name in ("one", "two")]
        async with instance.worker() as first, instance.worker(LEAN_WORKER) as second:
            begun = [await admin.begin(project) for project, _ in projects]
            seen = await wait_until_load(admin, 1, 1)
            for _, gate in projects:
                await gate.touch()
            ended = [await admin.outcome(deployment) for deployment in begun]
            await wait_until_load(admin, 0, 0)
            await wait_until_cleaned_up(instance)

        names = {worker["name"] for worker in seen["workers"]}
        assert ["running", "running"] == [deployment["status"] for deployment in ended]
        assert {f"{seen['node']}-{w.pid}" for w in (first, second)} == {
            name.rpartition("-")[0] for name in names
        }
        assert ["one", "two"] == [await admin.read(project) for project, _ in projects]

    async def test_work_of_a_killed_worker_is_taken_over(
        self, *, instance: ServedInstance, admin: Person, repositories: SyncPath
    ) -> None:
        """F01, F37: another worker takes over the job and the node. Only one release is active."""
        shop, gate = await slow_project(admin, repositories, "shop")
        async with instance.worker() as killed:
            deployment = await admin.begin(shop)
            await admin.wait_until_logged(deployment, "waiting")
            async with instance.worker():
                await wait_until_load(admin, 0, 1)
                killed.kill()
                assert -SIGKILL == await wait_until_ended(killed)
                await wait_until_built_twice(admin, deployment)
                await gate.touch()
                running = await admin.outcome(deployment)
                await admin.visit(shop["url"], "/crash/3")
                await wait_for_response(admin, shop, "shop")
                await wait_until_cleaned_up(instance)

        lines = await admin.log(running)
        served = await active_row(instance, deployment)
        assert "running" == running["status"], running["error"]
        assert (2, 2) == (served.fence, served.attempts)
        assert 2 == messages(lines).count("waiting")
        assert list(range(1, len(lines) + 1)) == numbers(lines)

    async def test_work_of_a_stopped_worker_is_handed_over_at_once(
        self, *, instance: ServedInstance, admin: Person, repositories: SyncPath
    ) -> None:
        """F05: a stopped worker requeues its job, even if the build ignores SIGTERM."""
        shop, gate = await slow_project(admin, repositories, "polite", _DEAF)
        async with instance.worker(LEAN_WORKER) as ended:
            deployment = await admin.begin(shop)
            await admin.wait_until_logged(deployment, "waiting")
            ended.send_signal(SIGTERM)
            code = await wait_until_ended(ended)
        await wait_until_gone(str(gate))
        (kept,) = (await database_state(instance)).waiting
        left = {worker["name"] for worker in (await system_state(admin))["workers"]}
        await gate.touch()
        async with instance.worker():
            running = await admin.outcome(deployment)

        causes = [event["cause"] for event in await admin.timeline(deployment)]
        assert (0, 0, 1) == (code, kept.attempts, kept.fence), instance.workers_log
        assert f"-{ended.pid}" not in "".join(left)
        assert "The worker was shut down" in causes
        assert "running" == running["status"], running["error"]
        assert "polite" == await admin.read(shop)

    @pytest.mark.parametrize("step", [Phase.START, COMMIT])
    async def test_work_of_a_worker_killed_at_a_step_is_finished_by_the_next(
        self, *, instance: ServedInstance, admin: Person, repositories: SyncPath, step: str
    ) -> None:
        """F01: before the commit point, the next worker builds again. Later, it only routes."""
        files = server(step)
        files["Procfile"] += "release: true\n"
        shop = await admin.project(repository_of(repositories / step, files).path, step)
        async with instance.worker(PUSHPAKA_TEST_FAILPOINT=f"{step}:kill") as killed:
            deployment = await admin.begin(shop)
            code = await wait_until_ended(killed)
        async with instance.worker(LEAN_WORKER):
            running = await admin.outcome(deployment)
            await wait_until_cleaned_up(instance)

        served = await active_row(instance, deployment)
        assert -SIGKILL == code
        assert "running" == running["status"], running["error"]
        assert (1 if step == COMMIT else 2) == served.fence
        assert step == await admin.read(shop)


def is_locked(database: SyncPath) -> bool:
    """Return True if another process locks the SQLite file *database* for a whole second."""
    with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False
