"""
How many requests does one process of the API answer in a second?

The bare side is a Litestar handler under uvicorn that runs the very statements that ours was seen
to run for the same request, in as many transactions on the same pool, fills the same object with
the row that it finds, and has it encoded by the same encoder; what it creates supersedes what it
created before, as with ours. It asks nobody who they are, though the statements of that are among
those that it runs, counts no requests, writes no log of them, and checks nothing. Ours writes its
log to nowhere. Who asks is another process with eight connections.

What differs: beside the statements every request is routed with its authentication, counted,
checked and told to the log and the metrics, in some 130 µs of processor time, where a bare handler
takes 23; and each statement takes 10 µs more, so that a request that is cancelled costs no
connection. A GET is two statements, so that this weighs most there.
"""

import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import uvicorn
from anyio import create_task_group, sleep
from attrs import frozen
from benchmarks.asking import ask
from benchmarks.bare_api import BareApi, recorded
from benchmarks.databases import DATABASES, insert, open_database, open_instance
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Goal, Samples, by_turns
from tests.served import PASSWORD, free_port

from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
from pushpaka_core.adapters.sql.schema import deployments
from pushpaka_core.domain.users import Registration
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import a_project, a_running_deployment
from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import listening, serving
from pushpaka_http.rate_limits import Limits

_REQUESTS = 2000
"""In each round, of each kind."""
_CREATED = 400
_PAGE = 20
_KEPT = 200
"""Deployments of the one who asks."""
_GOAL = Goal(ratio=0.8, is_least=True)
_UNLIMITED = Limits(
    requests_per_user=10**9, deployments_per_project=10**9, deployments_per_user=10**9
)


@frozen(kw_only=True)
class Kind:
    """A request of one kind, to be asked of both."""

    name: str
    request: str
    times: int
    body: str = ""


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Ask both by turns, on each database."""
    with _logging_to_nowhere():
        return [
            comparison
            for database in plan.few(DATABASES)
            for comparison in await _measure_on(database, plan)
        ]


async def _measure_on(database: str, plan: Plan) -> Sequence[Comparison]:
    found: list[Comparison] = []
    async with (
        open_database(database) as url,
        open_instance(url) as (application, storage),
        open_lanes(url, patience=PATIENCE) as (writing, reading),
    ):
        owner = await application.accounts.register(
            Registration(email="ann@example.com", name="Ann", password=PASSWORD)
        )
        project = a_project(owner.user)
        await keep(storage, project)
        kept = [a_running_deployment(project) for _ in range(_KEPT)]
        await insert(url, deployments, kept)
        app = create_app(application, limits=_UNLIMITED)
        headers = {"Authorization": f"Bearer {owner.token}"}
        bare = BareApi(writing, reading)
        async with _ours(app) as port, _bare(bare.app) as bare_port:
            reads, creates = plan.amount(_REQUESTS, 16), plan.amount(_CREATED, 16)
            path = "/api/v1/deployments"
            body = f'{{"project_id":"{project.id}"}}'
            for kind in (
                Kind(name="get", request=f"GET {path}/{kept[0].id}", times=reads),
                Kind(name="list", request=f"GET {path}?limit={_PAGE}", times=reads),
                Kind(name="create", request=f"POST {path}", times=creates, body=body),
            ):
                send = partial(
                    ask, request=kind.request, headers=headers, body=kind.body, times=kind.times
                )
                await ask(port, kind.request, headers=headers, body=kind.body, times=8)
                with recorded(storage) as transactions:
                    await ask(port, kind.request, headers=headers, body=kind.body, times=1)
                bare.transactions[kind.name] = transactions
                samples = await by_turns(
                    {OURS: partial(send, port), "bare Litestar": partial(send, bare_port)},
                    plan.rounds_of(5),
                )
                found += _compared(samples, f"{database}: {kind.name}")
    return found


@contextmanager
def _logging_to_nowhere() -> Iterator[None]:
    """Write what ours logs to nowhere; its framework sets up logging for the whole process."""
    root, ours = logging.getLogger(), logging.getLogger("pushpaka")
    level, handlers = root.level, root.handlers[:]
    ours.propagate = False
    ours.addHandler(logging.FileHandler(os.devnull))
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def _compared(samples: Samples, what: str) -> Sequence[Comparison]:
    return [
        Comparison.of(samples, "rate", what=what, unit="/s", goal=_GOAL),
        Comparison.of(samples, "p95", what=f"{what}, p95", unit="ms", goal=Goal(ratio=1.25)),
    ]


@asynccontextmanager
async def _ours(app: Any) -> AsyncIterator[int]:
    port = free_port()
    with listening("127.0.0.1", port) as listener:
        async with serving(app, listener):
            yield port


@asynccontextmanager
async def _bare(app: Any) -> AsyncIterator[int]:
    """Serve by uvicorn as it is."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False))
    async with create_task_group() as tasks:
        tasks.start_soon(server.serve)
        while not server.started:
            await sleep(0.01)
        yield port
        server.should_exit = True
