"""The disk on which deployments are made is full: they fail, and the next one works."""

import os
from pathlib import Path

import pytest
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import Person
from tests.faults.served.holdings import until_tidy
from tests.served import Served
from tests.small_disk import small_disk

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_MEBIBYTE = 2**20


async def test_repository_for_which_there_is_no_space(
    instance: Served, ann: Person, repositories: Path
) -> None:
    """It is tried three times, nothing of it stays, and a smaller one is deployed."""
    repository = repository_of(repositories / "big", server("v1"))
    noise = repository.path / "noise"
    noise.write_bytes(os.urandom(10 * _MEBIBYTE))
    repository.commit("Grow")
    project = await ann.project(repository.path, "big")

    with small_disk(instance.data_directory / "workspaces"):
        failed = await ann.outcome(await ann.begin(project))
        await until_tidy(instance)
        noise.unlink()
        repository.commit("Shrink")
        await ann.deploy(project)

    assert "failed" == failed["status"]
    assert "There is no space left" in failed["error"]
    assert "v1" == await ann.read(project)


async def test_build_for_which_there_is_no_space(
    instance: Served, ann: Person, repositories: Path
) -> None:
    """It fails with what its command says, nothing of it stays, and a smaller one has room."""
    repository = repository_of(repositories / "wide", server("v1"))
    project = await ann.project(repository.path, "wide", build_command=_filling(10))

    with small_disk(instance.data_directory / "releases"):
        failed = await ann.outcome(await ann.begin(project))
        smaller = {"build_command": _filling(1)}
        await ann.ask("PATCH", f"/projects/{project['id']}", smaller)
        running = await ann.deploy(project)
        left = {path.name for path in (instance.data_directory / "releases").iterdir()}
        page = await ann.read(project)

    assert "failed" == failed["status"]
    assert "No space left on device" in failed["error"]
    assert {f"{running['id']}.1"} == left
    assert "v1" == page


def _filling(mebibytes: int) -> str:
    return f"head -c {mebibytes * _MEBIBYTE} /dev/zero > filling"
