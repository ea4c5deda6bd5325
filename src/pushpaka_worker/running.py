"""Runs everything that a node does in the background."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from os import getpid

from anyio import create_task_group

from pushpaka_core.application import Application
from pushpaka_core.engine import Engine
from pushpaka_core.services.background import alongside
from pushpaka_worker.gate import Gate
from pushpaka_worker.log_pump import LogPump
from pushpaka_worker.reconciler import Reconciler
from pushpaka_worker.tenure import Tenure
from pushpaka_worker.worker import Worker


@asynccontextmanager
async def open_worker(application: Application, *, is_alone: bool = True) -> AsyncIterator[None]:
    """
    Deploy in the background until the block ends; what runs then goes on running.

    Jobs in hand are put back into the queue at the end. *is_alone* says that no
    other worker shares the database: what a dead one held is then taken up at once.

    Raises:
        SettingsError: If the router cannot be started.
    """
    engine = application.engine
    reconciler = _reconciler(engine, is_alone=is_alone)
    if engine.router_supervisor is not None:
        await engine.router_supervisor.start()
    if is_alone:
        await reconciler.requeue_all()
    async with alongside(partial(_run, engine, reconciler)):
        yield


async def _run(engine: Engine, reconciler: Reconciler) -> None:
    async with create_task_group() as tasks:
        if engine.router_supervisor is not None:
            tasks.start_soon(engine.router_supervisor.watch)
        tasks.start_soon(reconciler.run)
        tasks.start_soon(_worker(engine).run)


def _worker(engine: Engine) -> Worker:
    return Worker(
        pipeline=engine.pipeline,
        gate=Gate(engine.admission),
        queue=engine.queue,
        events=engine.events,
        timings=engine.timings,
        name=_name(),
        concurrency=engine.concurrency,
    )


def _reconciler(engine: Engine, *, is_alone: bool) -> Reconciler:
    async def follow_output() -> None:
        await _log_pump(engine).run()

    return Reconciler(
        reconciliation=engine.reconciliation,
        tending=engine.tending,
        restarting=engine.restarting,
        sweeping=engine.sweeping,
        timings=engine.timings,
        tenure=Tenure(engine.node_hold, engine.timings, holder=_name(), is_alone=is_alone),
        companions=[follow_output],
    )


def _log_pump(engine: Engine) -> LogPump:
    return LogPump(
        engine.tending, engine.jobs, engine.instance_logs, engine.instance_output, engine.timings
    )


def _name() -> str:
    """Return what people find this process by."""
    return f"{socket.gethostname()}-{getpid()}"
