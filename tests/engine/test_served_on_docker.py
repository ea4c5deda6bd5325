"""Tests a running instance with the runtime `docker`."""

from collections.abc import AsyncIterator
from secrets import token_hex
from signal import SIGKILL

import docker
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from docker.models.containers import Container
from tests.acceptance.tools.apps import program, repository_of, server
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person, messages, numbers
from tests.acceptance.tools.rolled_back import assert_rolled_back
from tests.engine.engines import URL, containers
from tests.engine.resources import build_groups, container_app, labels_of
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.adapters.docker.labels import DEPLOYMENT, NAME

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

_PATIENCE = 180
_BOMB = "bomb() { bomb | bomb & }; bomb; sleep 3; exit 3"
_WORKER = "import time\nprint('worker is up', flush=True)\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
async def served_instance() -> AsyncIterator[ServedInstance]:
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_RUNTIME="docker") as opened:
        yield await opened.start()
        assert "Traceback" not in opened.log


@pytest.fixture
async def ann(served_instance: ServedInstance) -> AsyncIterator[Person]:
    async with Person.temporary(served_instance) as person:
        yield person


async def test_every_process_type_runs_in_the_image_of_the_release(ann: Person) -> None:
    """The release command, the web process and the worker run, and their output is logged."""
    procfile = (
        "web: exec python3 app.py\nworker: exec python3 worker.py\n"
        "release: echo released $APP_COMMIT\n"
    )
    files = {**server("v1"), "worker.py": _WORKER, "Procfile": procfile}
    project = await _project(ann, "types", files)

    deployment = await ann.deploy(project, patience=_PATIENCE)
    lines = await ann.wait_until_logged(deployment, "worker is up")

    assert ["app", "app"] == [await ann.read(project, f"/env/{one}") for one in ("USER", "LOGNAME")]
    names = sorted(one.labels[NAME].split(".")[2] for one in await _containers_of(deployment))
    assert ["web", "worker"] == names
    assert f"released {deployment['commit_sha']}" in messages(lines)
    assert list(range(1, len(lines) + 1)) == numbers(lines)


async def test_own_dockerfile_is_deployed_and_deleted_completely(ann: Person) -> None:
    """PORT is the port that the image exposes. Deleting the project removes all its resources."""
    project = await _project(ann, "own", container_app())

    deployment = await ann.deploy(project, patience=_PATIENCE)
    port = await ann.read(project, "/env/PORT")
    (container,) = await _containers_of(deployment)
    networks = list(container.attrs["NetworkSettings"]["Networks"])
    await ann.ask("DELETE", f"/projects/{project['id']}")

    assert ("dockerfile", "8080") == (deployment["framework"], port)
    assert deployment["image"].endswith(f"{deployment['id']}.1")
    with fail_after(60):
        while await to_thread.run_sync(_remaining_resources, deployment, networks):
            await sleep(0.1)


async def test_release_that_crashes_after_the_cutover_is_rolled_back(ann: Person) -> None:
    """Requests return to the container of the previous release, which has kept running."""
    await assert_rolled_back(ann, "rolled", patience=_PATIENCE)


async def test_build_of_a_killed_platform_restarts_and_leaves_nothing(
    ann: Person, served_instance: ServedInstance
) -> None:
    """After a restart, the build runs again, and the first build's control group is removed."""
    hangs_once = "[ -e /kept/on ] || { touch /kept/on; echo waiting; exec sleep 600; }"
    step = f"RUN --mount=type=cache,target=/kept,id={token_hex(8)} {hangs_once}"
    deployment = await ann.begin(await _project(ann, "killed", container_app(step)))
    await ann.wait_until_logged(deployment, "waiting")
    labels = await to_thread.run_sync(labels_of, served_instance)

    await served_instance.stop(SIGKILL)
    left = await to_thread.run_sync(build_groups, labels)
    await served_instance.start()
    built = await ann.outcome(deployment, patience=_PATIENCE)

    assert 1 == len(left)
    assert "running" == built["status"], built["error"]
    with fail_after(60):
        while await to_thread.run_sync(build_groups, labels):
            await sleep(0.1)


async def test_rollback_to_a_release_without_its_image_is_refused(ann: Person) -> None:
    """A rollback to a failed deployment is refused, too. The current release keeps running."""
    repository = repository_of(ann.served_instance.repositories / "older", container_app())
    project = await ann.project(repository.path, "older", rollback_window=0)
    older = await ann.deploy(project, patience=_PATIENCE)
    repository.commit("Break", program("raise SystemExit(3)"))
    failed = await ann.outcome(await ann.begin(project), patience=_PATIENCE)
    repository.commit("Fix", server("v2"))
    newer = await ann.deploy(project, patience=_PATIENCE)

    await to_thread.run_sync(_remove_image, older["image"])
    statuses = [
        await ann.status_of("POST", f"/deployments/{one['id']}/rollback") for one in (older, failed)
    ]

    assert ("failed", "running") == (failed["status"], newer["status"])
    assert [409, 409] == statuses
    assert "v2" == await ann.read(project)


async def test_fork_bombs_delay_neither_the_api_nor_other_deployments(ann: Person) -> None:
    """One fork bomb runs in a build and one in an instance. Each is stopped at its own limit."""
    building = await _project(ann, "bomb-in-a-build", container_app(f"RUN {_BOMB}"))
    bomb = program("") | {"Procfile": f"web: {_BOMB}\n"}
    running = await _project(ann, "bomb-in-an-instance", bomb, health_check_timeout=30)
    other = await _project(ann, "no-bomb", container_app())
    begun = [await ann.begin(each) for each in (building, running, other)]

    async with create_task_group() as tasks:

        async def ask() -> None:
            while True:
                await ann.ask("GET", "/health")
                await sleep(0.05)

        tasks.start_soon(ask)
        ended = [await ann.outcome(each, patience=_PATIENCE) for each in begun]
        tasks.cancel_scope.cancel()

    assert ["failed", "failed", "running"] == [each["status"] for each in ended], ended


async def _project(ann: Person, name: str, files: dict[str, str], **settings: object) -> Json:
    repository = repository_of(ann.served_instance.repositories / name, files)
    return await ann.project(repository.path, name, **settings)


async def _containers_of(deployment: Json) -> list[Container]:
    return await to_thread.run_sync(lambda: containers(**{DEPLOYMENT: deployment["id"]}))


def _remove_image(image: str) -> None:
    client = docker.DockerClient(base_url=URL)
    try:
        client.images.remove(image, force=True)
    finally:
        client.close()


def _remaining_resources(deployment: Json, networks: list[str]) -> list[str]:
    """Return the images and containers of a deployment and those *networks* that still exist."""
    client = docker.DockerClient(base_url=URL)
    label = {"label": f"{DEPLOYMENT}={deployment['id']}"}
    try:
        images = client.api.images(filters={"reference": deployment["image"]})
        running = client.api.containers(all=True, filters=label)
        left = [one.name for one in client.networks.list() if one.name in networks]
        return [*(one["Id"] for one in (*images, *running)), *left]
    finally:
        client.close()
