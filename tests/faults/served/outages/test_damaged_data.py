"""Tests that damage or remove files in the data directory of a running instance."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGKILL

import pytest
from anyio import to_thread
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import Person
from tests.faults.served.instances import FAST, Owner, wait_for_response
from tests.faults.served.resources import all_processes, wait_until_cleaned_up
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.host.state_files import damaged_files
from pushpaka_shim.protocol import RECORD_FILE

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

REMOVED = (["router"], ["processes"], ["cache", "mirrors", "tools", "workspaces"])
"""Groups of directories that can be deleted, because their content is created again."""


@pytest.fixture
async def instance() -> AsyncIterator[ServedInstance]:
    """Return an instance for one test. In a shared one, other programs would lose their records."""
    async with open_served(**FAST) as served:
        yield await served.start()


async def test_next_deployment_recreates_a_removed_directory(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """A deployment succeeds although directories are missing, and leaves nothing behind."""
    repository = repository_of(repositories / "shop", server("v0"))
    project = await ann.project(repository.path)
    await ann.deploy(project)

    for number, names in enumerate(REMOVED):
        edit(repository, "app.py", f"v{number}", f"v{number + 1}")
        for name in names:
            # Moved first, because the running instance may still write into the directory.
            removed = instance.data_directory / f"removed-{name}"
            await to_thread.run_sync((instance.data_directory / name).rename, removed)
            await to_thread.run_sync(shutil.rmtree, removed)
        await ann.deploy(project)

        await wait_for_response(ann, project, f"v{number + 1}")
        await wait_until_cleaned_up(instance)


async def test_unreadable_record_does_not_affect_other_applications() -> None:
    """The program keeps running, others can be deployed, and `down` stops all of them."""
    async with open_served(**FAST) as served:
        await served.start()
        async with Owner.sign_up(served) as ann:
            projects = []
            for name in ("one", "two"):
                repository = repository_of(served.repositories / name, server(name))
                projects.append(await ann.project(repository.path, name))
            one, two = projects
            deployment = await ann.deploy(one)
            pid = await ann.read(one, "/pid")
            found = await HostProcesses(served.data_directory / "processes").list_launched()
            (name,) = [p.name for p in found if p.name.startswith(deployment["id"])]
            record = served.data_directory / "processes" / name / RECORD_FILE
            size = (await to_thread.run_sync(record.stat)).st_size
            await to_thread.run_sync(record.write_bytes, bytes(size))

            await ann.deploy(two)

            assert pid == await ann.read(one, "/pid")
            assert 1 == len(await to_thread.run_sync(damaged_files, served.data_directory))
            doctor = await served.run("doctor")
            assert f"{name}.{RECORD_FILE}" in doctor.output
            assert "Traceback" not in served.log

            # A restart finds its own router and applications by their marks.
            await served.stop(SIGKILL)
            await to_thread.run_sync(shutil.rmtree, served.data_directory / "processes")
            await served.start()
            await wait_for_response(ann, two, "two")
            assert pid == await ann.read(one, "/pid")
            await wait_until_cleaned_up(served)

            await served.stop()
            down = await served.run("down")
            assert (0, "") == (down.code, down.errors)
            assert [] == await to_thread.run_sync(all_processes, served)
