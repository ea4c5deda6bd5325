"""The notes of an application with an SQLite database survive everything that can be done to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep
from attrs import define, field
from tests.acceptance.test_examples_deployed import BUILD_PATIENCE
from tests.acceptance.tools.apps import edit, example
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.acceptance.tools.variants import ON_ALL_RUNTIMES

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(2 * BUILD_PATIENCE),
]

_PAUSE = 0.05


@define
class Writer:
    """A visitor who writes one note after another."""

    _person: Person
    _project: Json
    accepted: list[str] = field(factory=list, init=False)
    failures: list[str] = field(factory=list, init=False)
    is_over: bool = field(default=False, init=False)

    async def keep_writing(self) -> None:
        number = 0
        while not self.is_over:
            number += 1
            text = f"note {number}"
            try:
                answer = await self._person.send_form(self._project["url"], "/", {"text": text})
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            else:
                is_accepted = answer.status_code == httpx.codes.SEE_OTHER
                (self.accepted if is_accepted else self.failures).append(text)
            await sleep(_PAUSE)

    async def wait_for_more(self) -> None:
        """Wait until another note is accepted."""
        before = len(self.accepted)
        with fail_after(PATIENCE):
            while len(self.accepted) == before:
                await sleep(_PAUSE)


@asynccontextmanager
async def writing(person: Person, project: Json) -> AsyncIterator[Writer]:
    """Write notes until the block ends."""
    writer = Writer(person, project)
    async with create_task_group() as tasks:
        tasks.start_soon(writer.keep_writing)
        yield writer
        writer.is_over = True


@ON_ALL_RUNTIMES
async def test_no_note_is_lost(ann: Person, repositories: Path) -> None:
    """
    Notes are kept over a deployment and a rollback under load, a restore, a detach and a deletion.

    They are deleted only when the user repeats the name of the volume.
    """
    repository = example(repositories / "notes", "notes")
    project = await ann.project(repository.path, "Notes")
    first = await ann.deploy(project, patience=BUILD_PATIENCE)
    (volume,) = await _volumes(ann)
    path = f"/volumes/{volume['id']}"

    async with writing(ann, project) as writer:
        await writer.wait_for_more()
        edit(repository, "app.py", 'VERSION = "v1"', 'VERSION = "v2"')
        await ann.deploy(project, patience=BUILD_PATIENCE)
        await writer.wait_for_more()
        changed = await _notes(ann, project)
        await ann.roll_back(first)
        await writer.wait_for_more()
    rolled_back = await _notes(ann, project)

    assert [] == writer.failures
    assert ("v2", "v1") == (changed["version"], rolled_back["version"])
    assert writer.accepted == rolled_back["notes"]

    snapshot = await ann.ask("POST", f"{path}/snapshots")
    await ann.ask("GET", f"/snapshots/{snapshot['id']}?wait=60")
    await ann.send_form(project["url"], "/", {"text": "after the snapshot"})
    await ann.ask("DELETE", path)
    volume = await ann.ask("POST", f"/snapshots/{snapshot['id']}/restore", {"into": "data"})
    volume = await ann.ask("GET", f"/volumes/{volume['id']}?wait=60")
    await ann.deploy(project, patience=BUILD_PATIENCE)
    restored = await _notes(ann, project)
    await _wait_until_unused(ann, f"{path}/purge", {"name": "data"})
    path = f"/volumes/{volume['id']}"

    assert (None, None) == (volume["detached_at"], volume["restore_error"])
    assert writer.accepted == restored["notes"]

    detached = await ann.ask("DELETE", path)
    await ann.ask("POST", f"{path}/attach")
    await ann.deploy(project, patience=BUILD_PATIENCE)
    attached = await _notes(ann, project)

    assert detached["message"].startswith("The volume was detached. Its files are kept until 20")
    assert writer.accepted == attached["notes"]

    await ann.ask("DELETE", f"/projects/{project['id']}")
    (kept,) = await _volumes(ann)
    measured = await ann.ask("GET", path)
    other = await ann.project(repository.path, "Other notes")
    await _wait_until_unused(ann, f"{path}/attach", {"project_id": other["id"]})
    await ann.deploy(other, patience=BUILD_PATIENCE)
    moved = await _notes(ann, other)

    assert (volume["id"], None) == (kept["id"], kept["project_id"])
    assert kept["detached_at"] < kept["purge_after"]
    assert measured["used_bytes"] > 0
    assert writer.accepted == moved["notes"]

    await ann.ask("DELETE", f"/projects/{other['id']}")
    await _wait_until_unused(ann, f"{path}/purge", {"name": "data"})

    assert [] == await _volumes(ann)


async def _volumes(person: Person) -> list[Json]:
    return list((await person.ask("GET", "/volumes"))["data"])


async def _wait_until_unused(person: Person, path: str, body: Json) -> None:
    """Repeat a request until no instance uses the volume any more."""
    with fail_after(PATIENCE):
        while "still use the volume" in await person.text(path, body):
            await sleep(_PAUSE)


async def _notes(person: Person, project: Json) -> Mapping[str, Any]:
    """Return the version of an application and its notes, as soon as it responds."""
    return dict((await person.visit(project["url"], "/notes")).json())
