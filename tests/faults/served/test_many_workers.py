"""An API that does not deploy and workers beside it, on one database: nothing lost or doubled."""

import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from pathlib import Path as SyncPath
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1

import pytest
from anyio import Path, fail_after, sleep, to_thread
from anyio.abc import Process
from tests.acceptance.apps import repository_of, server
from tests.acceptance.gates import waiting_for
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Json, Person, messages, numbers
from tests.faults.served.holdings import known_of, until_tidy
from tests.postgres import PostgresServer
from tests.served import LEAN_WORKER, Served, open_served

from pushpaka_core.adapters.process.cgroups import own_cgroups
from pushpaka_core.control_groups import MEMORY
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.failpoints import COMMIT, STEPS_THAT_FAIL, SWITCHED
from pushpaka_core.ports.processes import Limits
from pushpaka_shim.groups import Groups

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

LITTLE = Limits(memory_bytes=64 * 2**20)
_HUNGRY = f"""
import os, signal
from pushpaka_core.adapters.process.cgroups import own_cgroups
from pushpaka_core.ports.processes import Limits
from pushpaka_shim.groups import Groups

def hoard(*_):
    limits = Limits(memory_bytes={LITTLE.memory_bytes})
    Groups(own_cgroups().around("test", str(os.getpid()), limits)).admit(os.getpid())
    bytearray(2**30)

signal.signal(signal.SIGUSR1, hoard)
import pushpaka_worker.__main__
"""
HUNGRY_WORKER = (sys.executable, "-c", _HUNGRY)
"""A worker that takes more memory than it may have when it gets SIGUSR1."""


@pytest.fixture(scope="class")
async def instance(database: Mapping[str, str]) -> AsyncIterator[Served]:
    """Return an API that serves and does not deploy, for workers that do one job at a time."""
    settings = {"PUSHPAKA_TEST_TIMING": "fast", "PUSHPAKA_CONCURRENCY": "1"}
    async with open_served(**OWN_ADDRESSES, **settings, **database) as served:
        served.deploys = False
        yield await served.start()


@pytest.fixture
async def admin(instance: Served, ann: Person) -> Person:
    """Return somebody who deploys, and sees the workers."""
    email = (await ann.ask("GET", "/auth/me"))["email"]
    made = await instance.run("users", "admin", email)
    assert 0 == made.code, made.errors
    return ann


async def until_load(admin: Person, *jobs: int) -> Json:
    """Wait until there are workers with so many jobs each, and return what the system is then."""
    with fail_after(PATIENCE):
        while sorted(jobs) != sorted(w["jobs"] for w in (await system_of(admin))["workers"]):
            await sleep(0.05)
    return await system_of(admin)


async def system_of(admin: Person) -> Json:
    return await admin.ask("GET", "/system")


async def slow(admin: Person, repositories: SyncPath, name: str) -> tuple[Json, Path]:
    """Make an application whose build waits, and return it with the file that it waits for."""
    gate = Path(repositories / f"{name}-gate")
    wait = waiting_for(gate)
    made = repository_of(repositories / name, server(name))
    return await admin.project(made.path, name, build_command=wait), gate


async def served_of(instance: Served, deployment: Json) -> Deployment:
    """Return a deployment that serves, as it is kept."""
    serving = (await known_of(instance)).serving
    return next(served for served in serving if str(served.id) == deployment["id"])


def is_locked(database: SyncPath) -> bool:
    """Return whether somebody keeps others from writing into *database* for a second."""
    with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


async def until_ended(worker: Process) -> int:
    with fail_after(PATIENCE):
        return await worker.wait()


async def finished_by_another(
    instance: Served, admin: Person, directory: SyncPath, step: str
) -> None:
    """See what a worker that was killed at *step* leaves brought to its end by the next one."""
    files = server(step)
    files["Procfile"] += "release: true\n"
    shop = await admin.project(repository_of(directory, files).path, step)
    async with instance.worker(PUSHPAKA_TEST_FAILPOINT=f"{step}:kill") as doomed:
        deployment = await admin.begin(shop)
        code = await until_ended(doomed)

    async with instance.worker(LEAN_WORKER):
        running = await admin.outcome(deployment)
        await until_tidy(instance)

    served = await served_of(instance, deployment)
    assert -SIGKILL == code
    assert "running" == running["status"], running["error"]
    assert (1 if step in (COMMIT, SWITCHED) else 2) == served.fence
    assert step == await admin.read(shop)


class ManyWorkers:
    """What holds with whatever database they share."""

    async def test_workers_take_what_the_api_is_asked_for(
        self, *, instance: Served, admin: Person, repositories: SyncPath
    ) -> None:
        """Each its own job, at the same time; an administrator sees which they are."""
        projects = [await slow(admin, repositories, name) for name in ("one", "two")]
        async with instance.worker() as first, instance.worker(LEAN_WORKER) as second:
            begun = [await admin.begin(project) for project, _ in projects]
            seen = await until_load(admin, 1, 1)
            for _, gate in projects:
                await gate.touch()
            ended = [await admin.outcome(deployment) for deployment in begun]
            await until_load(admin, 0, 0)
            await until_tidy(instance)
            async with instance.another_api() as other, other.api(admin.token) as api:
                told = (await api.get("/deployments")).json()["data"]

        names = {worker["name"] for worker in seen["workers"]}
        assert ["running", "running"] == [deployment["status"] for deployment in ended]
        assert {f"{seen['node']}-{w.pid}" for w in (first, second)} == {
            name.rpartition("-")[0] for name in names
        }
        assert {d["id"]: "running" for d in begun} == {d["id"]: d["status"] for d in told}
        assert ["one", "two"] == [await admin.read(project) for project, _ in projects]

    async def test_the_work_of_a_killed_worker_is_taken_over(
        self, *, instance: Served, admin: Person, repositories: SyncPath
    ) -> None:
        """Its job behind its silence, and the care for what runs: one is live, once."""
        shop, gate = await slow(admin, repositories, "shop")
        async with instance.worker() as killed:
            deployment = await admin.begin(shop)
            await admin.until_logged(deployment, "waiting")
            async with instance.worker():
                await until_load(admin, 0, 1)
                killed.kill()
                assert -SIGKILL == await until_ended(killed)
                await self._until_begun_again(admin, deployment)
                await gate.touch()
                running = await admin.outcome(deployment)
                await admin.visit(shop["url"], "/crash/3")
                await self._until_read(admin, shop)
                await until_tidy(instance)

        lines = await admin.log(running)
        served = await served_of(instance, deployment)
        assert "running" == running["status"], running["error"]
        assert (2, 2) == (served.fence, served.attempts)
        assert 2 == messages(lines).count("waiting")
        assert list(range(1, len(lines) + 1)) == numbers(lines)

    async def test_a_worker_that_was_stopped_for_long_does_no_harm(
        self, *, instance: Served, admin: Person, repositories: SyncPath
    ) -> None:
        """Another one does its work meanwhile; it goes on, and hears that it is late."""
        shop, gate = await slow(admin, repositories, "late")
        async with instance.worker() as stopped:
            deployment = await admin.begin(shop)
            await admin.until_logged(deployment, "waiting")
            async with instance.worker():
                await until_load(admin, 0, 1)
                await self.stop_for_now(instance, stopped)
                await self._until_begun_again(admin, deployment)
                stopped.send_signal(SIGCONT)
                await gate.touch()
                running = await admin.outcome(deployment)
                await until_load(admin, 0, 0)
                await until_tidy(instance)

        lines = await admin.log(running)
        served = await served_of(instance, deployment)
        assert "running" == running["status"], running["error"]
        assert 2 == served.fence
        assert list(range(1, len(lines) + 1)) == numbers(lines)
        assert "late" == await admin.read(shop)

    async def test_the_work_of_an_ended_worker_is_handed_over_at_once(
        self, *, instance: Served, admin: Person, repositories: SyncPath
    ) -> None:
        """It counts no attempt; while no worker lives the deployment waits, and the old serve."""
        shop, gate = await slow(admin, repositories, "polite")
        async with instance.worker(LEAN_WORKER) as ended:
            deployment = await admin.begin(shop)
            await admin.until_logged(deployment, "waiting")
            ended.send_signal(SIGTERM)
            code = await until_ended(ended)
        (kept,) = (await known_of(instance)).waiting
        left = {worker["name"] for worker in (await system_of(admin))["workers"]}
        await gate.touch()
        async with instance.worker():
            running = await admin.outcome(deployment)

        causes = [event["cause"] for event in await admin.timeline(deployment)]
        assert (0, 0, 1) == (code, kept.attempts, kept.fence), instance.workers_log
        assert f"-{ended.pid}" not in "".join(left)
        assert "Its worker was shut down" in causes
        assert "running" == running["status"], running["error"]
        assert "polite" == await admin.read(shop)

    async def stop_for_now(self, instance: Served, worker: Process) -> None:  # noqa: ARG002
        """Have a worker stand still, wherever it is."""
        worker.send_signal(SIGSTOP)

    async def _until_begun_again(self, admin: Person, deployment: Json) -> None:
        with fail_after(PATIENCE):
            while messages(await admin.log(deployment)).count("waiting") < 2:
                await sleep(0.1)

    async def _until_read(self, admin: Person, project: Json) -> None:
        with fail_after(PATIENCE):
            while not (await admin.visit(project["url"])).is_success:
                await sleep(0.1)


class TestOnSqlite(ManyWorkers):
    @pytest.fixture(scope="class")
    @classmethod
    def database(cls) -> Mapping[str, str]:
        return {}

    async def stop_for_now(self, instance: Served, worker: Process) -> None:
        """Have a worker stand still where it does not write: nobody can take SQLite's lock away."""
        file = instance.data_directory / "pushpaka.sqlite"
        with fail_after(PATIENCE):
            worker.send_signal(SIGSTOP)
            while await to_thread.run_sync(is_locked, file):
                worker.send_signal(SIGCONT)
                await sleep(0.01)
                worker.send_signal(SIGSTOP)

    @pytest.mark.parametrize("step", [Phase.START, COMMIT, SWITCHED])
    async def test_what_was_killed_at_some_steps_is_finished_by_another_worker(
        self, *, instance: Served, admin: Person, repositories: SyncPath, step: str
    ) -> None:
        """Built anew before the commit point, and only routed behind it."""
        await finished_by_another(instance, admin, repositories / step, step)


@pytest.mark.needs("postgres")
class TestOnPostgres(ManyWorkers):
    @pytest.fixture(scope="class")
    @classmethod
    def database(cls, postgres: PostgresServer) -> Iterator[Mapping[str, str]]:
        with postgres.database() as url:
            yield {"PUSHPAKA_DATABASE_URL": url}

    @pytest.mark.parametrize("step", STEPS_THAT_FAIL)
    async def test_what_was_killed_at_any_step_is_finished_by_another_worker(
        self, *, instance: Served, admin: Person, repositories: SyncPath, step: str
    ) -> None:
        """Built anew before the commit point, and only routed behind it."""
        await finished_by_another(instance, admin, repositories / step, step)

    @pytest.mark.skipif(
        MEMORY not in own_cgroups().controllers, reason="memory is not limited on this host"
    )
    async def test_the_work_of_a_worker_that_ran_out_of_memory_is_taken_over(
        self, *, instance: Served, admin: Person, repositories: SyncPath
    ) -> None:
        """F37: the kernel kills it in the midst of a build, and another one builds anew."""
        shop, gate = await slow(admin, repositories, "hungry")
        async with instance.worker(HUNGRY_WORKER) as hungry:
            deployment = await admin.begin(shop)
            await admin.until_logged(deployment, "waiting")
            hungry.send_signal(SIGUSR1)
            code = await until_ended(hungry)
        group = Groups(own_cgroups().around("test", str(hungry.pid), LITTLE))
        reason = group.outcome
        await to_thread.run_sync(group.remove)
        await gate.touch()
        async with instance.worker():
            running = await admin.outcome(deployment)
            await until_tidy(instance)

        assert (-SIGKILL, LITTLE.memory_bytes) == (code, reason.get("memory_limit"))
        assert "running" == running["status"], running["error"]
        assert 2 == (await served_of(instance, deployment)).fence
        assert "hungry" == await admin.read(shop)
