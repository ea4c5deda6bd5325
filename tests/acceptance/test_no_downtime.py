"""Applications are replaced under load, and nobody who asks notices."""

from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from anyio import create_task_group
from attrs import define, field
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.people import Json, Person

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@define
class Load:
    """People who ask without a pause, and what they were answered."""

    _person: Person
    _project: Json
    answers: list[str] = field(factory=list, init=False)
    failures: list[str] = field(factory=list, init=False)

    @property
    def processes(self) -> set[str]:
        """Return the processes that have told who they are."""
        return {answer for answer in self.answers if len(answer) == len(uuid4().hex)}

    async def ask_on(self, path: str) -> None:
        """Ask again and again, without end."""
        while True:
            try:
                answer = await self._person.visit(self._project["url"], path)
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            else:
                answered = self.answers if answer.status_code == httpx.codes.OK else self.failures
                answered.append(answer.text)


async def test_no_request_fails_over_three_deployments_and_a_rollback(
    ann: Person, repositories: Path
) -> None:
    """Quick and slow requests are all answered while versions come and go."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    first = await ann.deploy(project)
    load = Load(ann, project)

    async with create_task_group() as people:
        for path in ("/", "/", "/", "/slow/0.4"):
            people.start_soon(partial(load.ask_on, path))
        for old, new in (("v1", "v2"), ("v2", "v3"), ("v3", "v4")):
            edit(repository, "app.py", old, new)
            await ann.deploy(project)
        back = await ann.roll_back(first)
        replaced = await ann.ask("GET", f"/deployments?project_id={project['id']}")
        for deployment in replaced["data"]:
            if deployment["id"] != back["id"]:
                await ann.until(deployment, lambda seen: seen["status"] == "stopped")
        people.cancel_scope.cancel()

    assert [] == load.failures
    assert ["v1", "v2", "v3", "v4"] == sorted(set(load.answers))
    assert "v1" == load.answers[-1]
    assert len(load.answers) > 200
