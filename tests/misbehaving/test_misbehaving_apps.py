"""A misbehaving app never fails a request to the working release."""

import re
from collections.abc import Mapping, Sequence
from pprint import pformat

import pytest
from anyio import create_task_group, to_thread
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import OWN_ADDRESSES, Person
from tests.engine.base_images import ensure
from tests.engine.opened import DOCKER as NEEDS_DOCKER
from tests.misbehaving.apps import APPS, DOCKER, PATIENT_START, PROCESS, Fate
from tests.misbehaving.shops import Outcome, replace_all
from tests.served_instance import open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(900)]

SETTINGS = {
    "PUSHPAKA_CONCURRENCY": "16",
    "PUSHPAKA_MAX_DEPLOYMENTS": "1000",
    "PUSHPAKA_MAX_REQUESTS": "100000",
}

_REMEDY = re.compile(
    r"Check its last output"
    r"|must listen on \$PORT"
    r"|start it in the foreground"
    r"|Raise memory_limit"
    r"|Check the start command"
    r"|The previous deployment is active again\. Check the log"
)
"""Matches the remedies of the errors of failed and of rolled back deployments."""


@pytest.mark.parametrize("runtime", [PROCESS, NEEDS_DOCKER])
async def test_misbehaving_apps_fail_with_their_reasons_and_the_old_release_answers(
    runtime: str,
) -> None:
    """
    Each error names the cause and the remedy, and no request to the old release fails.

    An app that needs 50 s to start becomes active. Apps that fail late are rolled back.
    """
    apps = {name: app for name, app in APPS.items() if runtime in app.runtimes}
    if runtime == DOCKER:
        for image in {app.base_image for app in apps.values() if app.base_image}:
            await to_thread.run_sync(ensure, image)
    settings = {**OWN_ADDRESSES, **SETTINGS, "PUSHPAKA_RUNTIME": runtime}
    async with open_served(**settings) as served, Person.temporary(await served.start()) as ann:
        async with create_task_group() as tasks:
            tasks.start_soon(_expect_slow_start, ann)
            outcomes = await replace_all(ann, apps)
        log = served.log

    found = {name: problems for name, each in outcomes.items() if (problems := _problems_of(each))}
    assert not found, pformat(found)
    assert outcomes.keys() == apps.keys()
    assert "Traceback" not in log


async def _expect_slow_start(ann: Person) -> None:
    """Deploy a good app that needs 50 s to start, and require that it becomes active."""
    repository = repository_of(ann.served_instance.repositories / "patient", PATIENT_START)
    project = await ann.project(repository.path, "patient", health_check_timeout=70)

    started = await ann.deploy(project)

    assert started["duration_ms"] >= 50_000
    assert "ok" == await ann.read(project)


def _problems_of(outcome: Outcome) -> Sequence[str]:
    """Return the differences between an outcome and the expected one."""
    error, project = outcome.deployment["error"] or "", outcome.project
    is_taken_back = outcome.app.fate is Fate.IS_TAKEN_BACK
    failures = [request for request in outcome.requests_to_working if request.failure]
    expectations: Mapping[str, object] = {
        f"it is {outcome.deployment['status']}": outcome.deployment["status"] == "failed",
        **{
            f"{message} is not in: {error}": re.search(message, error)
            for message in outcome.app.messages
        },
        f"no remedy is in: {error}": _REMEDY.search(error),
        f"it was routed: {outcome.was_routed}": outcome.was_routed == is_taken_back,
        f"it was rolled back, or not: {error}": (
            error.startswith("Rolled back automatically: ") == is_taken_back
        ),
        f"requests failed: {failures}": not failures,
        "no request came before the switch": any(
            request.ended < outcome.switched_at for request in outcome.requests
        ),
        "another release is active": project["current_deployment_id"] == outcome.working["id"],
        f"the project is {project['status']}": project["status"] == "active",
    }
    return [problem for problem, is_met in expectations.items() if not is_met]
