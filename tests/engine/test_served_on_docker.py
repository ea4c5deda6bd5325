"""What operators and their engine do to a running instance, on the runtime docker."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from secrets import token_hex
from signal import SIGKILL

import docker
import pytest
from anyio import create_task_group, current_time, fail_after, sleep, to_thread
from docker.models.containers import Container
from tests.acceptance.apps import program, repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, Json, Person, messages, numbers
from tests.engine.engines import URL, containers
from tests.served import Served, open_served

from pushpaka_core.adapters.docker.labels import DEPLOYMENT, NAME, Marks
from pushpaka_core.adapters.files.instance_ids import known_instance_id

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

_HOST = 'os.environ["HOST"]'
_PATIENCE = 180
_BOMB = "bomb() { bomb | bomb & }; bomb; sleep 5; exit 3"
_PROMPT = 2
"""Seconds within which the API answers nearly always, on a machine that does much else."""
_WORKER = "import time\nprint('worker is up', flush=True)\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_RUNTIME="docker") as opened:
        yield await opened.start()
        assert "Traceback" not in opened.log


@pytest.fixture
async def ann(served: Served) -> AsyncIterator[Person]:
    async with Person.signed_up(served) as person:
        yield person


async def _project(ann: Person, name: str, files: dict[str, str], **settings: object) -> Json:
    repository = repository_of(ann.served.repositories / name, files)
    return await ann.project(repository.path, name, **settings)


async def _of(deployment: Json) -> list[Container]:
    return await to_thread.run_sync(lambda: containers(**{DEPLOYMENT: deployment["id"]}))


async def _until(is_so: Callable[[list[Container]], bool], deployment: Json) -> list[Container]:
    with fail_after(60):
        while not is_so(found := await _of(deployment)):
            await sleep(0.2)
    return found


async def test_all_process_types_run_in_the_image_of_the_release(ann: Person) -> None:
    """The release command runs first, the worker beside the web process, and all is logged."""
    files = server("v1") | {
        "worker.py": _WORKER,
        "Procfile": "web: exec python3 app.py\nworker: exec python3 worker.py\n"
        "release: echo released $APP_COMMIT\n",
    }
    project = await _project(ann, "types", files)

    deployment = await ann.deploy(project, patience=_PATIENCE)
    lines = await ann.until_logged(deployment, "worker is up")

    names = sorted(one.labels[NAME].split(".")[2] for one in await _of(deployment))
    assert ["web", "worker"] == names
    assert f"released {deployment['commit_sha']}" in messages(lines)
    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert deployment["image"].endswith(f"{deployment['id']}.1")


async def test_own_dockerfile_is_built_and_run(ann: Person) -> None:
    """Its command answers on the port that it exposes."""
    dockerfile = 'FROM python:3.13-slim\nCOPY app.py .\nEXPOSE 8080\nCMD ["python3", "app.py"]\n'
    project = await _project(
        ann, "own", {"app.py": server("v1")["app.py"], "Dockerfile": dockerfile}
    )

    deployment = await ann.deploy(project, patience=_PATIENCE)

    assert "dockerfile" == deployment["framework"]
    assert "8080" == await ann.read(project, "/env/PORT")


async def test_who_listens_on_loopback_only_is_told(ann: Person) -> None:
    """Inside a container nobody else could reach it."""
    files = program(server("v1")["app.py"].replace(_HOST, "'127.0.0.1'"))
    project = await _project(ann, "loopback", files, health_check_timeout=5)

    failed = await ann.outcome(await ann.begin(project), patience=_PATIENCE)

    assert "failed" == failed["status"]
    assert "It listens on 127.0.0.1 alone (HOST says 0.0.0.0)" in failed["error"]


async def test_build_of_a_killed_platform_is_begun_again_and_leaves_nothing(
    ann: Person, served: Served
) -> None:
    """The next start builds anew, and removes the control group that nobody needs any more."""
    hangs_once = "[ -e /kept/on ] || { touch /kept/on; echo waiting; exec sleep 600; }"
    step = f"RUN --mount=type=cache,target=/kept,id={token_hex(8)} {hangs_once}"
    dockerfile = f'FROM python:3.13-slim\nCOPY app.py .\n{step}\nCMD ["python3", "app.py"]\n'
    files = {"app.py": server("v1")["app.py"], "Dockerfile": dockerfile}
    deployment = await ann.begin(await _project(ann, "killed", files))
    await ann.until_logged(deployment, "waiting")

    await served.stop(SIGKILL)
    left = await to_thread.run_sync(_groups, served)
    await served.start()
    built = await ann.outcome(deployment, patience=_PATIENCE)

    assert 1 == len(left)
    assert "running" == built["status"], built["error"]
    with fail_after(60):
        while await to_thread.run_sync(_groups, served):
            await sleep(0.2)


async def test_release_whose_image_somebody_removed_cannot_be_rolled_back_to(ann: Person) -> None:
    """Nor can a failed one; what serves goes on."""
    repository = repository_of(ann.served.repositories / "older", server("v1"))
    project = await ann.project(repository.path, "older")
    older = await ann.deploy(project, patience=_PATIENCE)
    repository.commit("Fail", {"Procfile": "web: exit 3\n"})
    failed = await ann.outcome(await ann.begin(project), patience=_PATIENCE)
    repository.commit("Mend", server("v2"))
    newer = await ann.deploy(project, patience=_PATIENCE)

    await to_thread.run_sync(_removed, older["image"])
    statuses = [
        await ann.status_of("POST", f"/deployments/{one['id']}/rollback") for one in (older, failed)
    ]

    assert ("failed", "running") == (failed["status"], newer["status"])
    assert [409, 409] == statuses
    assert "v2" == await ann.read(project)


async def test_fork_bombs_hold_up_neither_the_api_nor_others(ann: Person) -> None:
    """One while it builds, one while it runs; each has its own limit and ends at it."""
    dockerfile = f"FROM python:3.13-slim\nRUN {_BOMB}\n"
    building = await _project(ann, "bomb-in-a-build", {"Dockerfile": dockerfile})
    running = await _project(
        ann, "bomb-in-a-run", {"app.py": "", "Procfile": f"web: {_BOMB}\n"}, health_check_timeout=30
    )
    other = await _project(ann, "no-bomb", server("v1"))
    begun = [await ann.begin(each) for each in (building, running, other)]
    waits: list[float] = []

    async with create_task_group() as tasks:

        async def ask() -> None:
            while True:
                asked_at = current_time()
                await ann.ask("GET", "/health")
                waits.append(current_time() - asked_at)
                await sleep(0.05)

        tasks.start_soon(ask)
        ended = [await ann.outcome(each, patience=_PATIENCE) for each in begun]
        tasks.cancel_scope.cancel()

    assert ["failed", "failed", "running"] == [each["status"] for each in ended], ended
    assert _PROMPT > sorted(waits)[len(waits) * 95 // 100]


async def test_deleted_project_leaves_nothing_in_the_engine(ann: Person) -> None:
    """Its containers, images and network are gone."""
    project = await _project(ann, "gone", server("v1"))
    deployment = await ann.deploy(project, patience=_PATIENCE)
    (container,) = await _of(deployment)
    image, networks = deployment["image"], list(container.attrs["NetworkSettings"]["Networks"])

    await ann.ask("DELETE", f"/projects/{project['id']}")
    await _until(lambda found: not found, deployment)

    with fail_after(60):
        while await to_thread.run_sync(_left, image, networks):
            await sleep(0.2)


def _removed(image: str) -> None:
    client = docker.DockerClient(base_url=URL)
    try:
        client.images.remove(image, force=True)
    finally:
        client.close()


def _groups(served: Served) -> set[str]:
    """Return the names of the control groups of an instance's builds."""
    instance_id = known_instance_id(served.data_directory)
    assert instance_id is not None
    root, name = Path("/sys/fs/cgroup"), f"{Marks(instance_id.hex).prefix}-build-*"
    return {path.name for path in (*root.glob(name), *root.glob(f"*/{name}"))}


def _left(image: str, networks: list[str]) -> list[str]:
    """Return what is still there of an image and of networks."""
    client = docker.DockerClient(base_url=URL)
    try:
        images = [one["Id"] for one in client.api.images(filters={"reference": image})]
        return images + [one.name for one in client.networks.list() if one.name in networks]
    finally:
        client.close()
