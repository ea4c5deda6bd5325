"""Workers: the processes that deploy, as they say of themselves."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from attrs import frozen

WorkerId = NewType("WorkerId", UUID)


@frozen(kw_only=True)
class WorkerProcess:
    """
    One process that claims deployments.

    It is there for people and for metrics: nothing is decided by it, since what is
    lost is told by the leases alone.
    """

    id: WorkerId
    name: str
    node: str
    version: str
    runtime: str
    concurrency: int
    """How many jobs it does at a time."""
    jobs: int = 0
    """How many are in its hands."""
    started_at: datetime
    seen_at: datetime
    """When it last said so, by its own clock."""
