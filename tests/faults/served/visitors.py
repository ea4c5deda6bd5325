"""People who ask applications without a pause while something goes wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from anyio import create_task_group, sleep
from attrs import define, field
from tests.acceptance.people import Json, Person

_PAUSE = 0.03


@define
class Visits:
    """What one application has answered."""

    answers: list[str] = field(factory=list, init=False)
    failures: list[str] = field(factory=list, init=False)
    is_over: bool = field(default=False, init=False)


@asynccontextmanager
async def visited(person: Person, *projects: Json) -> AsyncIterator[list[Visits]]:
    """Ask each application again and again until the block ends."""
    visits = [Visits() for _ in projects]
    async with create_task_group() as tasks:
        for project, seen in zip(projects, visits, strict=True):
            tasks.start_soon(partial(_visit_on, person, project, seen))
        yield visits
        for seen in visits:
            seen.is_over = True


async def _visit_on(person: Person, project: Json, seen: Visits) -> None:
    while not seen.is_over:
        try:
            answer = await person.visit(project["url"])
        except httpx.HTTPError as error:
            seen.failures.append(repr(error))
        else:
            kept = seen.answers if answer.status_code == httpx.codes.OK else seen.failures
            kept.append(answer.text[:200])
        await sleep(_PAUSE)
