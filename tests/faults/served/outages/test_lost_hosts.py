"""Tests that a rebooted host recovers, and that programs without a row are removed."""

import sys
from pathlib import Path
from signal import SIGKILL

import anyio
import pytest
from anyio import fail_after, to_thread
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import PATIENCE, Person
from tests.faults.served.instances import wait_for_response
from tests.faults.served.resources import all_processes, mark_env, wait_until_cleaned_up
from tests.served_instance import ServedInstance

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.instances.instances import ENDED_WITH_HOST
from pushpaka_core.ports.processes import Command

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


async def test_live_applications_are_routed_again_after_a_reboot(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """F33: a single start brings back the router and all applications with their shims."""
    deployed = []
    for name in ("one", "two"):
        repository = repository_of(repositories / name, server(name))
        project = await ann.project(repository.path, name)
        deployed.append((project, await ann.deploy(project)))

    await instance.stop(SIGKILL, timeout_seconds=PATIENCE)
    for process in await to_thread.run_sync(all_processes, instance):
        process.kill()
    (instance.data_directory / "boot").write_text("the boot before")
    await instance.start()

    for project, deployment in deployed:
        await wait_for_response(ann, project, project["name"])
        message = f"The web process {ENDED_WITH_HOST}. Restarting it now."
        await ann.wait_until_logged(deployment, message)
    await wait_until_cleaned_up(instance)


async def test_programs_without_a_row_are_stopped(instance: ServedInstance) -> None:
    """F34: both a launched program and a process that only has the instance's mark are killed."""
    processes = HostProcesses(instance.data_directory / "processes")
    name = "00000000-0000-0000-0000-000000000000.1.web.0123456789ab"
    await processes.launch(name, Command(argv=SLEEPER, directory=instance.directory))
    stray = await anyio.open_process(
        SLEEPER, env=mark_env(instance, "gone"), start_new_session=True
    )

    with fail_after(PATIENCE):
        code = await stray.wait()
    await wait_until_cleaned_up(instance)

    assert -SIGKILL == code
