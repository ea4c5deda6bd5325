"""Tests that a full disk fails deployments and uploads, and that later ones succeed."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread
from httpx import AsyncClient, Response, codes
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import Json, Person
from tests.faults.served.instances import FAST
from tests.faults.served.resources import wait_until_cleaned_up
from tests.machine.small_disk import small_disk
from tests.served_instance import ServedInstance, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_MEBIBYTE = 2**20


async def test_repository_that_does_not_fit_on_the_disk_fails(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """The error names the cause, and a smaller commit can be deployed afterwards."""
    repository = repository_of(repositories / "big", server("v1"))
    noise = repository.path / "noise"
    noise.write_bytes(os.urandom(10 * _MEBIBYTE))
    repository.commit("Grow")
    project = await ann.project(repository.path, "big")

    with small_disk(instance.data_directory / "workspaces"):
        failed = await ann.outcome(await ann.begin(project))
        await wait_until_cleaned_up(instance)
        noise.unlink()
        repository.commit("Shrink")
        await ann.deploy(project)

    assert "failed" == failed["status"]
    assert "There is no space left" in failed["error"]
    assert "v1" == await ann.read(project)


async def test_build_that_does_not_fit_on_the_disk_fails(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """The error quotes the build's output, no files are left, and a smaller build succeeds."""
    repository = repository_of(repositories / "wide", server("v1"))
    project = await ann.project(repository.path, "wide", build_command=_filling_command(10))

    with small_disk(instance.data_directory / "releases"):
        failed = await ann.outcome(await ann.begin(project))
        smaller = {"build_command": _filling_command(1)}
        await ann.ask("PATCH", f"/projects/{project['id']}", smaller)
        running = await ann.deploy(project)
        left = {path.name for path in (instance.data_directory / "releases").iterdir()}
        page = await ann.read(project)

    assert "failed" == failed["status"]
    assert "No space left on device" in failed["error"]
    assert {f"{running['id']}.1"} == left
    assert "v1" == page


async def test_uploads_do_not_fill_the_disk_of_the_database() -> None:
    """Fifteen concurrent uploads need more space than is free, and no other request fails."""
    async with open_served(**FAST, PUSHPAKA_ROUTER="none", PUSHPAKA_MIN_FREE_DISK="32") as served:
        with small_disk(data := served.data_directory, mebibytes=96):
            await served.start()
            async with Person.sign_up(served) as ann:
                projects = [await ann.project("archive:", name) for name in ("one", "two")]
                answers = await _upload_concurrently(
                    served, ann, [projects[number % 2] for number in range(15)], 8 * _MEBIBYTE
                )
                health = await ann.ask("GET", "/health")
                await ann.project("archive:", "three")
            free = (await to_thread.run_sync(shutil.disk_usage, data)).free
            names = await to_thread.run_sync(os.listdir, data / "archives")
            database = (data / "pushpaka.sqlite").stat().st_size
            await served.take_down()

    refused = [answer for answer in answers if answer.status_code != codes.CREATED]
    assert {codes.SERVICE_UNAVAILABLE} == {answer.status_code for answer in refused}
    assert all("not have enough disk space" in answer.json()["error"] for answer in refused)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert 0 < len(names) == len(answers) - len(refused) < len(answers)
    assert not any(name.startswith(".") for name in names)
    assert health["checks"]["database"]
    assert free >= (32 - len(answers)) * _MEBIBYTE
    assert database < _MEBIBYTE


async def _upload_concurrently(
    served_instance: ServedInstance, person: Person, projects: Sequence[Json], size: int
) -> Sequence[Response]:
    """Upload an archive of *size* bytes to each of *projects* at the same time."""
    answers = []

    async def send(client: AsyncClient, project: Json) -> None:
        content = os.urandom(size)
        sha256 = hashlib.sha256(content).hexdigest()
        path = f"/api/v1/projects/{project['id']}/archives/{sha256}"
        answers.append(await client.put(path, content=content))

    async with (
        AsyncClient(
            base_url=f"http://127.0.0.1:{served_instance.port}",
            headers={"Authorization": f"Bearer {person.token}"},
            timeout=60,
        ) as client,
        create_task_group() as tasks,
    ):
        for project in projects:
            tasks.start_soon(send, client, project)
    return answers


def _filling_command(mebibytes: int) -> str:
    return f"head -c {mebibytes * _MEBIBYTE} /dev/zero > filling"
