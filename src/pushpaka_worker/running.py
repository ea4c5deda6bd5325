"""Runs everything that a node does in the background."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from os import getpid
from secrets import token_hex

from anyio import create_task_group
from attrs import frozen

from pushpaka_core.application import Application
from pushpaka_core.domain.workers import WorkerProcess
from pushpaka_core.engine import Engine
from pushpaka_core.errors import PushpakaError
from pushpaka_core.services.background import alongside
from pushpaka_worker.gate import Gate
from pushpaka_worker.log_pump import LogPump
from pushpaka_worker.presence import Presence
from pushpaka_worker.reconciler import Companion, Reconciler
from pushpaka_worker.rounds import forever_apart
from pushpaka_worker.settling import settle
from pushpaka_worker.tenure import Tenure
from pushpaka_worker.worker import Worker

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_worker(application: Application, *, is_alone: bool = True) -> AsyncIterator[None]:
    """
    Deploy in the background until the block ends; what runs then goes on running.

    Jobs in hand are put back into the queue at the end. *is_alone* says that no
    other worker shares the database: what a dead one held is then taken up at once.

    Raises:
        SettingsError: If the instance has another node, or the router cannot be started.
    """
    engine = application.engine
    await settle(engine)
    process = _Process(engine, _name(engine), is_alone)
    await process.prepare()
    shown = await engine.attendance.arrive(process.name, concurrency=engine.concurrency)
    async with alongside(partial(process.run, shown)):
        yield


@frozen
class _Process:
    """
    A worker process.

    Several on a node have one router between them, which the owner of the node runs; who
    is alone runs it from the beginning, whoever owned the node before.
    """

    _engine: Engine
    name: str
    _is_alone: bool

    async def prepare(self) -> None:
        """Take over what a dead process has left, where nobody else may have it."""
        if not self._is_alone:
            return
        if self._engine.router_supervisor is not None:
            await self._engine.router_supervisor.start()
        await self._reconciler().requeue_all()

    async def run(self, shown: WorkerProcess) -> None:
        """Work, without end, and be seen as *shown*."""
        engine, worker = self._engine, self._worker()
        presence = Presence(engine.attendance, engine.timings, shown, lambda: worker.jobs)
        async with create_task_group() as tasks:
            tasks.start_soon(presence.run)
            tasks.start_soon(self._reconciler().run)
            tasks.start_soon(worker.run)
            if self._is_alone:
                tasks.start_soon(self._keep_router)

    def _worker(self) -> Worker:
        engine = self._engine
        return Worker(
            pipeline=engine.pipeline,
            gate=Gate(engine.admission),
            queue=engine.queue,
            events=engine.events,
            timings=engine.timings,
            name=self.name,
            concurrency=engine.concurrency,
        )

    def _reconciler(self) -> Reconciler:
        engine = self._engine
        return Reconciler(
            reconciliation=engine.reconciliation,
            tending=engine.tending,
            restarting=engine.restarting,
            sweeping=engine.sweeping,
            domain_checks=engine.domain_checks,
            certificates=engine.certificates,
            timings=engine.timings,
            tenure=Tenure(
                engine.node_hold, engine.timings, holder=self.name, is_alone=self._is_alone
            ),
            companions=self._companions(),
        )

    def _companions(self) -> list[Companion]:
        return [
            self._follow_output,
            self._send_outbox,
            *([] if self._is_alone else [self._keep_router]),
        ]

    async def _follow_output(self) -> None:
        engine = self._engine
        await LogPump(
            engine.tending,
            engine.jobs,
            engine.instance_logs,
            engine.instance_output,
            engine.timings,
        ).run()

    async def _send_outbox(self) -> None:
        engine = self._engine
        await forever_apart(engine.timings.tend, engine.sending.send)

    async def _keep_router(self) -> None:
        supervisor = self._engine.router_supervisor
        if supervisor is None:
            return
        try:
            await supervisor.start()
        except PushpakaError as error:
            logger.warning("the router cannot be started: %s", error)
        await supervisor.watch()


def _name(engine: Engine) -> str:
    """Return what people find this process by; in containers every process has the same number."""
    return f"{engine.node}-{getpid()}-{token_hex(3)}"
