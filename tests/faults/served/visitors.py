"""Visitors who keep sending requests to applications during a fault."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from anyio import create_task_group, sleep
from attrs import define, field
from tests.acceptance.tools.people import Json, Person

_PAUSE = 0.1


@define
class Visits:
    """The texts of an application's successful responses, and of its failures."""

    answers: list[str] = field(factory=list, init=False)
    failures: list[str] = field(factory=list, init=False)
    is_over: bool = field(default=False, init=False)


@asynccontextmanager
async def visit(person: Person, *projects: Json) -> AsyncIterator[list[Visits]]:
    """Keep sending requests to each application until the block ends."""
    visits = [Visits() for _ in projects]
    async with create_task_group() as tasks:
        for project, seen in zip(projects, visits, strict=True):
            tasks.start_soon(partial(_keep_visiting, person, project, seen))
        yield visits
        for seen in visits:
            seen.is_over = True


async def _keep_visiting(person: Person, project: Json, visits: Visits) -> None:
    while not visits.is_over:
        try:
            answer = await person.visit(project["url"])
        except httpx.HTTPError as error:
            visits.failures.append(repr(error))
        else:
            kept = visits.answers if answer.status_code == httpx.codes.OK else visits.failures
            kept.append(answer.text[:200])
        await sleep(_PAUSE)
