"""How the instance itself looks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.workers import WorkerId, WorkerProcess
from pushpaka_core.services.system import System


@frozen(kw_only=True, slots=False)
class WorkerResponse:
    """A process that deploys."""

    id: WorkerId
    name: str
    node: str
    version: str
    runtime: str
    jobs: int
    concurrency: int
    started_at: datetime
    last_heartbeat_at: datetime

    @classmethod
    def of(cls, worker: WorkerProcess) -> Self:
        """Show *worker*."""
        return cls(
            id=worker.id,
            name=worker.name,
            node=worker.node,
            version=worker.version,
            runtime=worker.runtime,
            jobs=worker.jobs,
            concurrency=worker.concurrency,
            started_at=worker.started_at,
            last_heartbeat_at=worker.seen_at,
        )


@frozen(kw_only=True, slots=False)
class SystemResponse:
    """What an instance runs on."""

    version: str
    runtime: str
    router: str
    database: str
    redis: bool
    base_domain: str
    node: str | None
    workers: Sequence[WorkerResponse]

    @classmethod
    def of(cls, system: System) -> Self:
        """Show *system*."""
        return cls(
            version=system.version,
            runtime=system.technologies.runtime,
            router=system.technologies.router,
            database=system.technologies.database,
            redis=system.technologies.redis,
            base_domain=system.base_domain,
            node=system.node,
            workers=[WorkerResponse.of(worker) for worker in system.workers],
        )
