"""How the instance itself looks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.workers import WorkerId, WorkerProcess
from pushpaka_core.ports.machines import Machine
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
class MachineResponse:
    """A machine of a Swarm."""

    name: str
    address: str
    role: str
    state: str
    availability: str

    @classmethod
    def of(cls, machine: Machine) -> Self:
        """Show *machine*."""
        return cls(
            name=machine.name,
            address=machine.address,
            role=machine.role,
            state=machine.state,
            availability=machine.availability,
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
    nodes: Sequence[MachineResponse] | None
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
            nodes=None
            if system.machines is None
            else [MachineResponse.of(machine) for machine in system.machines],
            workers=[WorkerResponse.of(worker) for worker in system.workers],
        )
