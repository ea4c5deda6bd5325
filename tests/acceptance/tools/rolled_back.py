"""Checks that a version that crashes at each request is rolled back, on every runtime."""

from collections.abc import Awaitable, Callable

from anyio import fail_after, sleep
from tests.acceptance.tools.apps import program, repository_of, server
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.faults.served.instances import restart, revive
from tests.faults.served.visitors import Visits, visit

from pushpaka_core.domain.platform.failpoints import BROKEN, ROLLED_BACK

_MANY = 20
_CRASHING = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers["User-Agent"] != "Pushpaka-Probe":
            os._exit(7)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

print("v2 will crash", flush=True)
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


async def assert_rolled_back(
    person: Person,
    name: str,
    *,
    patience: float = PATIENCE,
    during_deployment: Callable[[], Awaitable[None]] | None = None,
) -> tuple[Json, Json]:
    """
    Deploy a crashing version in place of a working one under load, and require a rollback.

    Return the deployments of the working and of the crashing version.

    If *during_deployment* is given, it is called during the deployment, and must return once the
    platform responds again.
    """
    repository = repository_of(person.served_instance.repositories / name, server("v1"))
    # Long enough for two crashes on a busy machine.
    project = await person.project(repository.path, name, rollback_window=600)
    old = await person.deploy(project, patience=patience)
    repository.commit("Crash", program(_CRASHING))

    async with visit(person, project) as (visits,):
        new = await person.begin(project)
        if during_deployment is not None:
            await during_deployment()
        failed = await person.wait_until(new, lambda deployment: deployment["status"] == "failed")
        await _wait_for_the_old_release(visits)

    assert {"v1"} == set(visits.answers)
    reason = "The web process exited with code 7. It crashed twice within the rollback window."
    cause = f"Rolled back automatically: {reason}"
    assert failed["error"].startswith(cause)
    assert "v2 will crash" in failed["error"]
    assert cause == (await person.timeline(failed))[-1]["cause"]
    causes = [step["cause"] for step in await person.timeline(old)]
    assert "Active again because its successor was rolled back" == causes[-1]
    assert await _current_state(person, project) == ("active", old["id"])
    return old, failed


async def assert_rolled_back_despite_kills(
    person: Person, name: str, *, patience: float = PATIENCE
) -> tuple[Json, Json]:
    """
    Require a rollback as `assert_rolled_back` does, while serve is killed at both failpoints.

    The first process is killed before the decision to roll back, and the second one after it.
    """
    instance = person.served_instance

    async def start_again() -> None:
        await revive(instance, next_failpoint=ROLLED_BACK)
        await revive(instance)

    await restart(instance, {"PUSHPAKA_TEST_FAILPOINT": f"{BROKEN}:kill"})
    return await assert_rolled_back(person, name, patience=patience, during_deployment=start_again)


async def _wait_for_the_old_release(visits: Visits) -> None:
    """Wait until many requests in a row succeed."""
    failures = -1
    with fail_after(PATIENCE):
        while failures != len(visits.failures):
            failures, answers = len(visits.failures), len(visits.answers)
            while failures == len(visits.failures) and len(visits.answers) < answers + _MANY:
                await sleep(0.05)


async def _current_state(person: Person, project: Json) -> tuple[str, str]:
    shown = await person.ask("GET", f"/projects/{project['id']}")
    return shown["status"], shown["current_deployment_id"]
