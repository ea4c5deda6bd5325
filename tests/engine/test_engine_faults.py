"""Tests recovery when the Docker Engine dies, restarts, hangs or loses containers."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from anyio import fail_after, sleep, to_thread
from tests.acceptance.tools.apps import edit, repository_of
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person, messages, numbers
from tests.acceptance.tools.rolled_back import assert_rolled_back_despite_kills
from tests.engine.opened import open_docker
from tests.engine.own_engine import OwnEngine
from tests.engine.resources import IMAGE, container_app, docker, labels_of, wait_until_cleaned_up
from tests.faults.served.instances import open_instance, wait_for_response
from tests.faults.served.resources import database_state
from tests.faults.served.visitors import visit
from tests.faults.served.writers import source_of, writing
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.adapters.docker.labels import DEPLOYMENT, NAME, PLATFORM
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.testing.applications import build, checkout, plan

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("own engine"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

_UNAVAILABLE = "The Docker Engine is not responding. Check that it is running."
_PATIENCE = 120
_API_SECONDS = 20
"""The time limit for a request to the API, which must not wait for the 30 s of an engine call."""
_SILENCE_SECONDS = 10
"""Seconds without a heartbeat after which a lease is lost, long enough for a busy machine."""
_HEARTBEATS = 24
"""A number of heartbeats, one every 0.5 s, that takes longer than `_SILENCE_SECONDS`."""
_HANGS_ONCE = (
    "RUN --mount=type=cache,target=/kept,id={}"
    " [ -e /kept/again ] || {{ touch /kept/again; echo waiting; exec sleep 600; }}"
)
_HOLDING = "Holding requests until the only instance is replaced."
_SWITCHING = "The health check passed. Switching traffic."
_SLOW_START = 'time.sleep(5 * (VERSION == "v1"))'
_SLOW_STOP = 'print("Stopping", VERSION, flush=True); time.sleep(5)'
_SLOW = "RUN echo waiting; sleep 10"


@pytest.fixture(scope="module")
async def served_instance(own_engine: OwnEngine) -> AsyncIterator[ServedInstance]:
    settings = {**own_engine.settings, "PUSHPAKA_TEST_TIMING": f"fast:{_SILENCE_SECONDS}"}
    async with open_served(**OWN_ADDRESSES, **settings) as opened:
        try:
            yield await opened.start()
        finally:
            await own_engine.revive()
        assert "Traceback" not in opened.log


@pytest.fixture
async def killed_instance(served_instance: ServedInstance) -> AsyncIterator[ServedInstance]:
    """Return the instance for a test that kills it. It is restored after the test."""
    async with open_instance(served_instance) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def running_engine(own_engine: OwnEngine) -> AsyncIterator[None]:
    """Resume or restart the engine after each test."""
    yield
    await own_engine.revive()


@pytest.fixture(scope="module")
async def ann(served_instance: ServedInstance) -> AsyncIterator[Person]:
    async with Person.sign_up(served_instance) as person:
        yield person


@pytest.fixture(scope="module")
async def shop(ann: Person) -> Json:
    """Return a running deployment, with the URL of its project."""
    # Its containers end with each engine, which must not count as crashes of a new release.
    return await _deploy_new_project(ann, "shop", rollback_window=0)


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "restarted"])
async def test_build_and_instances_recover_when_the_engine_is_lost(
    ann: Person,
    served_instance: ServedInstance,
    own_engine: OwnEngine,
    shop: Json,
    *,
    is_killed: bool,
) -> None:
    """The running build is repeated, and nothing from the first attempt is left."""
    step = _HANGS_ONCE.format(is_killed)
    deployment = await ann.begin(await _project(ann, f"slow-{is_killed}", step))
    await ann.wait_until_logged(deployment, "waiting")

    if is_killed:
        await own_engine.kill()
        waits = f"{_UNAVAILABLE} The deployment starts automatically once the engine responds."
        await ann.wait_until_logged(deployment, waits)
        health = await ann.ask("GET", "/health")
        assert ("degraded", False) == (health["status"], health["checks"]["docker"])
        await own_engine.start()
    else:
        await own_engine.restart()
    built = await ann.outcome(deployment, patience=_PATIENCE)
    await _wait_until_responding(ann, shop)
    running = await ann.wait_until(shop, lambda seen: seen["status"] == "running")
    await wait_until_cleaned_up(served_instance, own_engine)

    lines = await ann.log(built)
    assert "running" == built["status"], built["error"]
    assert "The connection to the Docker Engine was lost during the build." in "\n".join(
        messages(lines)
    )
    assert 1 == messages(lines).count("waiting")
    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert running["id"] == shop["id"]


async def test_hanging_engine_blocks_nothing_and_work_continues_afterwards(
    ann: Person, served_instance: ServedInstance, own_engine: OwnEngine, shop: Json
) -> None:
    """Instances and the API still respond. Once the engine does too, the builds finish in turn."""
    other = await _project(ann, "other")
    building = await ann.begin(await _project(ann, "building", _SLOW))
    await ann.wait_until_logged(building, "waiting")

    own_engine.pause()
    async with visit(ann, shop) as (visits,):
        with fail_after(_API_SECONDS):
            health = await ann.ask("GET", "/health")
        with fail_after(_API_SECONDS):
            rollback = await ann.status_of("POST", f"/deployments/{shop['id']}/rollback")
        with fail_after(_API_SECONDS):
            waiting = await ann.begin(other)
        waits = f"{_UNAVAILABLE} The deployment starts automatically once the engine responds."
        await ann.wait_until_logged(waiting, waits)
        still = await ann.ask("GET", f"/deployments/{waiting['id']}")
        await ann.visit(shop["url"], "/print/meanwhile")
        await _wait_past_the_lease_timeout(served_instance)
    own_engine.resume()
    ended = [await ann.outcome(each, patience=_PATIENCE) for each in (building, waiting)]
    await ann.wait_until_logged(shop, "meanwhile")
    await wait_until_cleaned_up(served_instance, own_engine)

    assert (False, 503, "queued") == (health["checks"]["docker"], rollback, still["status"])
    assert [] == visits.failures
    assert {"v1"} == set(visits.answers)
    assert ["running", "running"] == [each["status"] for each in ended], ended
    assert 1 == messages(await ann.log(building)).count("waiting")


@pytest.mark.parametrize(
    ("version", "line"),
    [("v1", _HOLDING), ("v0", "Stopping v0"), ("v1", "Starting v1"), ("v1", _SWITCHING)],
    ids=["holding", "stopping", "starting", "released"],
)
async def test_killed_engine_leaves_one_writer(
    ann: Person, own_engine: OwnEngine, version: str, line: str
) -> None:
    """The engine dies during a held cutover. Its containers end when it starts again."""
    directory = ann.served_instance.repositories / token_hex(4)
    source = source_of(Path("/data"), "/data")
    slow = source.replace('pause("starting")', _SLOW_START).replace('pause("stopping")', _SLOW_STOP)
    repository = repository_of(directory, container_app() | {"app.py": slow})
    project = await ann.project(repository.path, f"writer-{token_hex(2)}", rollback_window=0)
    volume = {"project_id": project["id"], "name": "data", "mount_path": "/data"}
    await ann.ask("POST", "/volumes", volume)
    active = await ann.deploy(project, patience=_PATIENCE)
    edit(repository, "app.py", '"v0"', '"v1"')

    async with writing(ann, project) as writer:
        deployment = await ann.begin(project)
        await ann.wait_until_logged(active if version == "v0" else deployment, line)
        await own_engine.kill()
        await own_engine.start()
        ended = await ann.outcome(deployment, patience=_PATIENCE)
        is_running = ended["status"] == "running"
        await wait_for_response(ann, project, "v1" if is_running else "v0")
    entries = (await ann.read(project, "/entries")).split()

    assert "" == await ann.read(project, "/second")
    assert set() < writer.confirmed <= set(entries)
    assert ended["status"] in {"running", "failed"}, ended


async def test_interrupted_rollback_is_finished_after_the_next_start(
    ann: Person, killed_instance: ServedInstance, own_engine: OwnEngine
) -> None:
    """One container of the old version runs, and none of the broken version is left."""
    old, broken = await assert_rolled_back_despite_kills(ann, "rolled", patience=_PATIENCE)

    await wait_until_cleaned_up(killed_instance, own_engine)
    assert 1 == len(await _ids(own_engine, **{DEPLOYMENT: old["id"]}))
    assert set() == await _ids(own_engine, **{DEPLOYMENT: broken["id"]})


async def test_calls_and_builds_fail_when_the_engine_hangs(
    own_engine: OwnEngine, tmp_path: Path
) -> None:
    """The error is RuntimeUnavailableError, so the application is not blamed."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    async with open_docker(tmp_path / "docker", own_engine.url) as opened:
        opened.engine.call_timeout = 5
        await opened.runtime.instances()

        own_engine.pause()
        try:
            with fail_after(_PATIENCE):
                with pytest.raises(RuntimeUnavailableError):
                    await opened.runtime.instances()
                with pytest.raises(RuntimeUnavailableError):
                    await build(opened.builder, source, plan(), timeout=timedelta(0))
        finally:
            own_engine.resume()


async def test_removed_container_is_replaced_and_an_unknown_one_is_removed(
    ann: Person, served_instance: ServedInstance, own_engine: OwnEngine
) -> None:
    """Containers of other Pushpaka instances are left alone."""
    shop = await _deploy_new_project(ann, "removed")
    labels = await to_thread.run_sync(labels_of, served_instance)
    ours, others = {PLATFORM: labels.instance_id}, {PLATFORM: token_hex(16)}
    name = {NAME: f"{shop['id']}.9.web.000000000000"}
    before = await _ids(own_engine, **ours, **{DEPLOYMENT: shop["id"]})

    unknown = await _start(own_engine, **ours, **name) | await _start(own_engine, **ours)
    other = await _start(own_engine, **others, **name)
    await to_thread.run_sync(docker, own_engine, "rm", "--force", *before)

    with fail_after(60):
        while unknown & await _ids(own_engine, **ours):
            await sleep(0.2)
    await _wait_until_responding(ann, shop)
    (after,) = await _ids(own_engine, **ours, **{DEPLOYMENT: shop["id"]})
    left = await _ids(own_engine, **others)
    await to_thread.run_sync(docker, own_engine, "rm", "--force", *other)

    assert {after} != before
    assert other == left


async def _deploy_new_project(ann: Person, name: str, **settings: Any) -> Json:
    """Return a running deployment of a new project, with the URL of the project."""
    project = await _project(ann, name, **settings)
    return {**await ann.deploy(project, patience=_PATIENCE), "url": project["url"]}


async def _project(ann: Person, name: str, step: str = "", **settings: Any) -> Json:
    repository = repository_of(ann.served_instance.repositories / token_hex(4), container_app(step))
    return await ann.project(repository.path, name, **settings)


async def _wait_past_the_lease_timeout(served_instance: ServedInstance) -> None:
    """Wait for more heartbeats than fit into the timeout of a lease."""
    first = (await database_state(served_instance)).beats
    with fail_after(_PATIENCE):
        while (await database_state(served_instance)).beats < first + _HEARTBEATS:
            await sleep(0.2)


async def _ids(engine: OwnEngine, **labels: str) -> set[str]:
    """Return the ids of all containers with *labels*."""
    filters = [word for one in labels.items() for word in ("--filter", f"label={'='.join(one)}")]
    listing = ("ps", "--all", "--quiet", "--no-trunc", *filters)
    return await to_thread.run_sync(docker, engine, *listing)


async def _start(engine: OwnEngine, **labels: str) -> set[str]:
    """Start a container with *labels*, and return a set of its id."""
    given = [word for one in labels.items() for word in ("--label", "=".join(one))]
    command = ("run", "--detach", *given, IMAGE, "sleep", "600")
    return await to_thread.run_sync(docker, engine, *command)


async def _wait_until_responding(ann: Person, shop: Json) -> None:
    with fail_after(60):
        while (await ann.visit(shop["url"])).status_code != 200:
            await sleep(0.2)
