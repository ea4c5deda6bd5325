"""Everything dies at once, or one thing by hand; and what nobody knows is swept away."""

import sys
from pathlib import Path
from signal import SIGKILL

import anyio
import psutil
import pytest
from anyio import fail_after, sleep, to_thread
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import Json, Person
from tests.faults.served.holdings import everything_of, mark_of, until_tidy
from tests.served import Served

from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.ports.processes import Command

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


async def routed(ann: Person, project: Json, text: str, *, within: float) -> None:
    """Return once an application says *text*."""
    with fail_after(within):
        while (await ann.visit(project["url"])).text != text:
            await sleep(0.1)


async def until_dead(pid: int) -> None:
    """Return once a process has ended."""
    with fail_after(30):
        while await to_thread.run_sync(_lives, pid):
            await sleep(0.1)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class TestF33:
    async def test_after_a_reboot_all_that_was_live_is_routed_again(
        self, instance: Served, ann: Person, repositories: Path
    ) -> None:
        """Platform, router, shims and applications are gone; a start brings all back, once."""
        projects = []
        for name in ("one", "two", "three"):
            repository = repository_of(repositories / name, server(name))
            projects.append(await ann.project(repository.path, name))
            await ann.deploy(projects[-1])

        await instance.stop(SIGKILL)
        for process in await to_thread.run_sync(everything_of, instance):
            process.kill()
        await instance.start()
        for project in projects:
            await routed(ann, project, project["name"], within=60)

        await until_tidy(instance)


class TestF34:
    async def test_instance_that_is_killed_by_hand_is_started_again(
        self, instance: Served, ann: Person, repositories: Path
    ) -> None:
        """Within seconds another process answers at the same address."""
        repository = repository_of(repositories / "shop", server("v1"))
        project = await ann.project(repository.path)
        await ann.deploy(project)
        pid = int(await ann.read(project, "/pid"))

        psutil.Process(pid).kill()
        await until_dead(pid)
        await routed(ann, project, "v1", within=30)
        await until_tidy(instance)

        assert pid != int(await ann.read(project, "/pid"))

    async def test_program_that_no_row_knows_is_ended(self, instance: Served) -> None:
        """What was launched under our mark and is in no database goes within a sweep."""
        processes = HostProcesses(instance.data_directory / "processes")
        name = "00000000-0000-0000-0000-000000000000.1.web.0123456789ab"
        await processes.launch(name, Command(argv=SLEEPER, directory=instance.directory))

        await until_tidy(instance)

    async def test_stray_process_with_our_mark_is_ended(self, instance: Served) -> None:
        """A process that came of a program of ours, and lost everybody who watched it, goes."""
        stray = await anyio.open_process(
            SLEEPER, env=mark_of(instance, "gone"), start_new_session=True
        )

        with fail_after(30):
            code = await stray.wait()

        assert -SIGKILL == code
        await until_tidy(instance)
