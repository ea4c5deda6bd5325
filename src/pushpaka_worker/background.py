"""Runs all background tasks of a worker process."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from os import getpid
from secrets import token_hex

from anyio import create_task_group
from attrs import frozen

from pushpaka_core.container.application import Application
from pushpaka_core.container.worker import WorkerServices
from pushpaka_core.domain.platform.nodes import WorkerProcess
from pushpaka_core.errors import PushpakaError
from pushpaka_core.services.concurrency import background_task
from pushpaka_worker.admission_gate import AdmissionGate
from pushpaka_worker.heartbeat import Heartbeat
from pushpaka_worker.leader_election import LeaderElection
from pushpaka_worker.log_pump import LogPump
from pushpaka_worker.loops import run_rounds
from pushpaka_worker.node_claim import claim_node
from pushpaka_worker.reconciler import NodeTask, Reconciler
from pushpaka_worker.worker import Worker

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_worker(
    application: Application, *, is_only_worker: bool = True
) -> AsyncIterator[None]:
    """
    Run deployments in the background until the block ends. Applications continue to run after that.

    Deployments in progress are queued again when the block ends.

    Args:
        application: The application whose deployments are run.
        is_only_worker: Whether no other worker uses the database. Leases of crashed workers are
            then taken over immediately instead of after their expiry.

    Raises:
        SettingsError: If the runtime is bound to another node, or the router cannot listen.
        RouterUnavailableError: If the router does not start.
    """
    engine = application.worker_services
    await claim_node(engine)
    background_tasks = _BackgroundTasks(engine, _process_name(engine), is_only_worker)
    await background_tasks.prepare()
    shown = await engine.worker_registry.register(
        background_tasks.name, concurrency=engine.concurrency
    )
    async with background_task(partial(background_tasks.run, shown)):
        yield


@frozen
class _BackgroundTasks:
    """
    The background tasks of a worker process.

    Workers on the same node share one router, which the holder of the node lease runs. The only
    worker runs the router from the start.
    """

    _worker_services: WorkerServices
    name: str
    _is_only_worker: bool

    async def prepare(self) -> None:
        """
        Prepare the only worker. Do nothing if there may be other workers.

        Starts the router, and queues the deployments of a crashed worker again.
        """
        if not self._is_only_worker:
            return
        if self._worker_services.router_supervisor is not None:
            await self._worker_services.router_supervisor.start()
        await self._reconciler().requeue_all()

    async def run(self, worker_process: WorkerProcess) -> None:
        """Run until canceled. *worker_process* is this process in the worker registry."""
        engine, worker = self._worker_services, self._worker()
        heartbeat = Heartbeat(
            engine.worker_registry, engine.timeouts, worker_process, lambda: worker.jobs
        )
        async with create_task_group() as tasks:
            tasks.start_soon(heartbeat.run)
            tasks.start_soon(self._reconciler().run)
            tasks.start_soon(worker.run)
            if self._is_only_worker:
                tasks.start_soon(self._supervise_router)

    def _worker(self) -> Worker:
        engine = self._worker_services
        return Worker(
            pipeline=engine.pipeline,
            admission_gate=AdmissionGate(engine.admission_control),
            queue=engine.queue,
            events=engine.events,
            timeouts=engine.timeouts,
            name=self.name,
            concurrency=engine.concurrency,
        )

    def _reconciler(self) -> Reconciler:
        engine = self._worker_services
        leader_election = LeaderElection(
            engine.held_lease,
            engine.timeouts,
            holder=self.name,
            is_only_worker=self._is_only_worker,
        )
        return Reconciler.for_engine(engine, leader_election, *self._node_tasks())

    def _node_tasks(self) -> list[NodeTask]:
        return [
            self._follow_output,
            self._send_outbox,
            *([] if self._is_only_worker else [self._supervise_router]),
        ]

    async def _follow_output(self) -> None:
        engine = self._worker_services
        await LogPump(
            engine.active_deployments,
            engine.instance_supervisor,
            engine.job_loader,
            engine.instance_log_writer,
            engine.instance_output_reader,
            engine.timeouts,
        ).run()

    async def _send_outbox(self) -> None:
        engine = self._worker_services
        await run_rounds(engine.timeouts.supervision_interval, engine.outbox_sender.send_due)

    async def _supervise_router(self) -> None:
        supervisor = self._worker_services.router_supervisor
        if supervisor is None:
            return
        try:
            await supervisor.start()
        except PushpakaError as error:
            logger.warning("The router cannot be started: %s", error)
        await supervisor.watch()


def _process_name(worker_services: WorkerServices) -> str:
    """
    Return the name of this process for operators.

    The name has a random part, because all containers may use the same process id.
    """
    return f"{worker_services.node}-{getpid()}-{token_hex(3)}"
