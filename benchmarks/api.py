"""
How many requests per second can one API process handle?

The baseline is a Litestar handler under uvicorn. The handler runs the SQL statements that were
recorded while Pushpaka handled the same request, in as many transactions on the same connection
pool. It fills the same response object from the row and encodes it with the same encoder. A
deployment that it creates supersedes the previous one, as in Pushpaka. The handler runs the SQL
statements of authentication, but has no authentication code, rate limits, request log or
validation. Pushpaka writes its log to /dev/null. The client is another process with eight
connections.

Why they differ: in addition to the statements, Pushpaka routes, authenticates, counts and validates
every request, and records it in the log and the metrics. This work takes about 130 µs of processor
time, whereas the bare handler takes 23 µs. Each statement takes another 10 µs, because Pushpaka
prevents a canceled request from costing a connection. A GET request runs only two statements, so
the difference is largest for GET requests.
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
from benchmarks.bare_api import BareApi, recorded
from benchmarks.databases import DATABASES, insert, open_database, open_instance
from benchmarks.http_client import send_requests
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Goal, Samples, alternate
from tests.served_instance import PASSWORD, free_port

from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, open_connection_pools
from pushpaka_core.adapters.sql.schema import deployments
from pushpaka_core.domain.accounts.users import Registration
from pushpaka_core.testing.objects.deployments import a_running_deployment
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.stored_objects import store
from pushpaka_http.app import create_app
from pushpaka_http.cli.server.http_server import open_listener, open_server
from pushpaka_http.middleware.rate_limits import Limits

_REQUESTS = 2000
"""Requests of each kind in each round."""
_CREATED = 400
_PAGE = 20
_KEPT = 200
"""Deployments of the user who sends the requests."""
_GOAL = Goal(ratio=0.8, is_minimum=True)
_UNLIMITED = Limits(
    requests_per_user=10**9, deployments_per_project=10**9, deployments_per_user=10**9
)


@frozen(kw_only=True)
class Kind:
    """A kind of request that is sent to both servers."""

    name: str
    request: str
    times: int
    body: str = ""


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Send requests to both servers in turn, on each database."""
    with _logging_to_nowhere():
        return [
            comparison
            for database in run_options.variants(DATABASES)
            for comparison in await _measure_on(database, run_options)
        ]


async def _measure_on(database: str, run_options: RunOptions) -> Sequence[Comparison]:
    found: list[Comparison] = []
    async with (
        open_database(database) as url,
        open_instance(url) as (application, storage),
        open_connection_pools(url, wait_timeout=WAIT_TIMEOUT) as (writing, reading),
    ):
        owner = await application.accounts.register(
            Registration(email="ann@example.com", name="Ann", password=PASSWORD)
        )
        project = a_project(owner.user)
        await store(storage, project)
        kept = [a_running_deployment(project) for _ in range(_KEPT)]
        await insert(url, deployments, kept)
        app = create_app(application, limits=_UNLIMITED)
        headers = {"Authorization": f"Bearer {owner.token}"}
        bare = BareApi(writing, reading)
        async with _ours(app) as port, _bare(bare.app) as bare_port:
            reads, creates = run_options.amount(_REQUESTS, 16), run_options.amount(_CREATED, 16)
            path = "/api/v1/deployments"
            body = f'{{"project_id":"{project.id}"}}'
            for kind in (
                Kind(name="get", request=f"GET {path}/{kept[0].id}", times=reads),
                Kind(name="list", request=f"GET {path}?limit={_PAGE}", times=reads),
                Kind(name="create", request=f"POST {path}", times=creates, body=body),
            ):
                send = partial(
                    send_requests,
                    request=kind.request,
                    headers=headers,
                    body=kind.body,
                    times=kind.times,
                )
                await send_requests(port, kind.request, headers=headers, body=kind.body, times=8)
                with recorded(storage) as transactions:
                    await send_requests(
                        port, kind.request, headers=headers, body=kind.body, times=1
                    )
                bare.transactions[kind.name] = transactions
                samples = await alternate(
                    {OURS: partial(send, port), "bare Litestar": partial(send, bare_port)},
                    run_options.rounds_of(5),
                )
                found += _compared(samples, f"{database}: {kind.name}")
    return found


@contextmanager
def _logging_to_nowhere() -> Iterator[None]:
    """Write Pushpaka's log to /dev/null. Litestar configures logging for the whole process."""
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
    with open_listener("127.0.0.1", port) as listener:
        async with open_server(app, listener):
            yield port


@asynccontextmanager
async def _bare(app: Any) -> AsyncIterator[int]:
    """Serve *app* with an unmodified uvicorn."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False))
    async with create_task_group() as tasks:
        tasks.start_soon(server.serve)
        while not server.started:
            await sleep(0.01)
        yield port
        server.should_exit = True
