"""The engine is killed, restarted, hangs or is meddled with: what runs is as it should be again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, Json, Person, messages, numbers
from tests.engine.holdings import docker, marks_of, until_tidy
from tests.engine.opened import Docker, opened_docker
from tests.engine.own_engine import OwnEngine, open_own_engine
from tests.faults.served.holdings import known_of
from tests.faults.served.visitors import visited
from tests.served import Served, open_served

from pushpaka_core.adapters.docker.labels import DEPLOYMENT, NAME, PLATFORM
from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.testing.applications import Told, build, checkout, plan

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("own engine"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

IMAGE = "python:3.13-slim"
AWAY = "The Docker Engine does not answer."
_PATIENCE = 120
_AT_ONCE = 2
"""A second of a machine that is busy; the engine is waited for much longer where that matters."""
_BEATS = 30
"""Of a hastened heart, which take longer than the silence after which a lease is lost."""
_STAYS_AT_FIRST = (
    "RUN --mount=type=cache,target=/kept,id={}"
    " [ -e /kept/again ] || {{ touch /kept/again; echo waiting; exec sleep 600; }}"
)
_TAKES_A_WHILE = "RUN echo waiting; sleep 10"


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[OwnEngine]:
    async with open_own_engine(IMAGE) as own:
        yield own


@pytest.fixture(scope="module")
async def served(engine: OwnEngine) -> AsyncIterator[Served]:
    settings = {**engine.settings, "PUSHPAKA_TEST_TIMING": "fast"}
    async with open_served(**OWN_ADDRESSES, **settings) as opened:
        try:
            yield await opened.start()
        finally:
            await engine.revive()
        assert "Traceback" not in opened.log


@pytest.fixture
async def ann(served: Served, engine: OwnEngine) -> AsyncIterator[Person]:
    async with Person.signed_up(served) as person:
        yield person
        await engine.revive()


@pytest.fixture
async def shop(ann: Person) -> Json:
    """Return a deployment that runs, with the address of its project."""
    project = await _project(ann, "shop")
    return {**await ann.deploy(project, patience=_PATIENCE), "url": project["url"]}


class TestF16:
    @pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "restarted"])
    async def test_engine_that_goes_in_the_midst_of_a_build_delays_it_and_what_runs_comes_back(
        self, ann: Person, served: Served, engine: OwnEngine, shop: Json, *, is_killed: bool
    ) -> None:
        """It is said meanwhile, the build begins again, and nothing of the first one is left."""
        slow = await _project(ann, "slow", _STAYS_AT_FIRST.format(is_killed))
        deployment = await ann.begin(slow)
        await ann.until_logged(deployment, "waiting")

        if is_killed:
            await engine.kill()
            waits = f"{AWAY} The deployment begins by itself once it does."
            await ann.until_logged(deployment, waits)
            health = await ann.ask("GET", "/health")
            assert ("degraded", False) == (health["status"], health["checks"]["docker"])
            await engine.start()
        else:
            await engine.restart()
        built = await ann.outcome(deployment, patience=_PATIENCE)
        await _until_visited(ann, shop)
        running = await ann.until(shop, lambda seen: seen["status"] == "running")
        await until_tidy(served, engine)

        lines = await ann.log(built)
        assert "running" == built["status"], built["error"]
        assert "The Docker Engine went away during the build." in "\n".join(messages(lines))
        assert 1 == messages(lines).count("waiting")
        assert list(range(1, len(lines) + 1)) == numbers(lines)
        assert running["id"] == shop["id"]


class TestF17:
    async def test_engine_that_hangs_holds_up_nobody_and_all_goes_on_afterwards(
        self, ann: Person, served: Served, engine: OwnEngine, shop: Json
    ) -> None:
        """What serves answers, so does the API; what builds is finished, and the rest waits."""
        other = await _project(ann, "other")
        building = await ann.begin(await _project(ann, "building", _TAKES_A_WHILE))
        await ann.until_logged(building, "waiting")

        engine.pause()
        async with visited(ann, shop) as (visits,):
            with fail_after(_AT_ONCE):
                health = await ann.ask("GET", "/health")
            with fail_after(_AT_ONCE):
                rollback = await ann.status_of("POST", f"/deployments/{shop['id']}/rollback")
            with fail_after(_AT_ONCE):
                waiting = await ann.begin(other)
            await ann.until_logged(waiting, f"{AWAY} The deployment begins by itself once it does.")
            still = await ann.ask("GET", f"/deployments/{waiting['id']}")
            await ann.visit(shop["url"], "/print/meanwhile")
            await _until_beaten(served)
        engine.resume()
        ended = [await ann.outcome(each, patience=_PATIENCE) for each in (building, waiting)]
        await ann.until_logged(shop, "meanwhile")
        await until_tidy(served, engine)

        assert (False, 503, "queued") == (health["checks"]["docker"], rollback, still["status"])
        assert [] == visits.failures
        assert {"v1"} == set(visits.answers)
        assert ["running", "running"] == [each["status"] for each in ended], ended
        assert 1 == messages(await ann.log(building)).count("waiting")
        assert ended[0]["image"].endswith(f"{building['id']}.1")

    async def test_what_is_asked_of_an_engine_that_hangs_comes_to_an_end(
        self, engine: OwnEngine, tmp_path: Path
    ) -> None:
        """A build by its deadline, everything else sooner; that is no fault of the application."""
        async with opened_docker(tmp_path / "docker", engine.url) as opened:
            told = Told()
            try:
                with fail_after(90):
                    async with create_task_group() as tasks:
                        tasks.start_soon(_build_in_vain, opened, tmp_path / "source", told)
                        while b"waiting\n" not in told.output:
                            await sleep(0.05)
                        engine.pause()
                        with pytest.raises(RuntimeUnavailableError):
                            await opened.runtime.instances()
            finally:
                engine.resume()


class TestF34:
    async def test_removed_container_is_made_again_and_a_stray_one_goes(
        self, ann: Person, served: Served, engine: OwnEngine, shop: Json
    ) -> None:
        """What is missing comes back, what is too much goes; another instance's is left alone."""
        marks = await to_thread.run_sync(marks_of, served)
        ours, others = {PLATFORM: marks.platform}, {PLATFORM: token_hex(16)}
        name = {NAME: f"{shop['id']}.9.web.000000000000"}
        before = await _ids(engine, **ours, **{DEPLOYMENT: shop["id"]})

        strays = await _started(engine, **ours, **name) | await _started(engine, **ours)
        other = await _started(engine, **others, **name)
        await to_thread.run_sync(docker, engine, "rm", "--force", *before)

        with fail_after(60):
            while strays & await _ids(engine, **ours):
                await sleep(0.2)
            await _until_visited(ann, shop)
        (after,) = await _ids(engine, **ours, **{DEPLOYMENT: shop["id"]})
        left = await _ids(engine, **others)
        await to_thread.run_sync(docker, engine, "rm", "--force", *other)

        assert {after} != before
        assert other == left


async def _project(ann: Person, name: str, step: str = "") -> Json:
    """Make a project with a Dockerfile that needs no network, and has *step* in it."""
    dockerfile = f'FROM {IMAGE}\nCOPY app.py .\n{step}\nCMD ["python3", "app.py"]\n'
    files = {"app.py": server("v1")["app.py"], "Dockerfile": dockerfile}
    return await ann.project(
        repository_of(ann.served.repositories / token_hex(4), files).path, name
    )


async def _build_in_vain(opened: Docker, source: Path, told: Told) -> None:
    dockerfile = f"FROM {IMAGE}\nRUN echo waiting; sleep 60\n"
    await checkout(source, {"Dockerfile": dockerfile})
    own, timeout = plan(dockerfile=OwnDockerfile()), timedelta(seconds=20)
    with pytest.raises(RuntimeUnavailableError):
        await build(opened.builder, source, own, told=told, timeout=timeout)


async def _until_beaten(served: Served) -> None:
    """Return once the heart of what is in work has beaten for longer than a lease is silent."""
    first = (await known_of(served)).beats
    with fail_after(60):
        while (await known_of(served)).beats < first + _BEATS:
            await sleep(0.2)


async def _ids(engine: OwnEngine, **labels: str) -> set[str]:
    """Return the ids of all containers with *labels*."""
    said = [word for one in labels.items() for word in ("--filter", f"label={'='.join(one)}")]
    return await to_thread.run_sync(docker, engine, "ps", "--all", "--quiet", "--no-trunc", *said)


async def _started(engine: OwnEngine, **labels: str) -> set[str]:
    """Start a container with *labels* by hand, and return its id."""
    said = [word for one in labels.items() for word in ("--label", "=".join(one))]
    command = ("run", "--detach", *said, IMAGE, "sleep", "600")
    return await to_thread.run_sync(docker, engine, *command)


async def _until_visited(ann: Person, shop: Json) -> None:
    with fail_after(60):
        while (await ann.visit(shop["url"])).status_code != 200:
            await sleep(0.2)
