"""Instances for the fault tests: their settings, restarts and users."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from signal import SIGKILL
from typing import Any

import httpx
from anyio import Path, fail_after, sleep
from tests.acceptance.tools.gates import wait_command
from tests.acceptance.tools.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.served_instance import ServedInstance

FAST = {**OWN_ADDRESSES, "PUSHPAKA_TEST_TIMING": "fast:60"}
"""Fast timings, except for leases of 60 s, which no test lets expire, even on a busy machine."""
WITH_TAKEOVERS = {**OWN_ADDRESSES, "PUSHPAKA_TEST_TIMING": "fast:8"}
"""Fast timings, with leases of 8 s, for tests in which another worker takes over a lost lease."""


class Owner(Person):
    """A user whose projects stop a replaced release after 1 s instead of 30 s."""

    async def project(self, repo_url: object, name: str = "shop", **settings: Any) -> Json:
        return await super().project(repo_url, name, **{"rollback_window": 1} | settings)


@asynccontextmanager
async def open_instance(served_instance: ServedInstance) -> AsyncIterator[ServedInstance]:
    """Yield the running instance. Afterwards, restart it if it was stopped or reconfigured."""
    usual = dict(served_instance.env)
    yield served_instance
    process = served_instance._process
    is_alive = process is not None and process.returncode is None
    if is_alive and served_instance.env == usual:
        return
    if is_alive:
        await served_instance.stop(SIGKILL, timeout_seconds=PATIENCE)
    served_instance.env = usual
    await served_instance.start()


async def restart(served_instance: ServedInstance, settings: Mapping[str, str] = {}) -> None:
    """Kill serve, and start it with *settings*, which also apply to later starts."""
    await served_instance.stop(SIGKILL, timeout_seconds=PATIENCE)
    served_instance.env |= settings
    await served_instance.start()


async def revive(served_instance: ServedInstance, *, next_failpoint: str = "") -> int:
    """Wait until a failpoint has killed serve, restart it, and return its exit code.

    The new process has no failpoint, or is killed again at the step *next_failpoint*.
    """
    code = await served_instance.wait_until_exited(timeout_seconds=PATIENCE)
    del served_instance.env["PUSHPAKA_TEST_FAILPOINT"]
    if next_failpoint:
        served_instance.env["PUSHPAKA_TEST_FAILPOINT"] = f"{next_failpoint}:kill"
    await served_instance.start()
    return code


async def deploy_held_build(person: Person, project: Json, gate: Path) -> Json:
    """Return a new deployment of a project, whose build is waiting for the file *gate*."""
    command = {"build_command": wait_command(gate)}
    await person.ask("PATCH", f"/projects/{project['id']}", command)
    deployment = await person.begin(project)
    await person.wait_until_logged(deployment, "waiting")
    return deployment


async def wait_for_response(person: Person, project: Json, text: str) -> None:
    """Wait until an application responds with *text*."""
    with fail_after(PATIENCE):
        while not await _responds_with(person, project, text):
            await sleep(0.05)


async def _responds_with(person: Person, project: Json, text: str) -> bool:
    try:
        return (await person.visit(project["url"])).text == text
    except httpx.HTTPError:
        return False
