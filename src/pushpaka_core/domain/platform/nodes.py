"""Nodes, which are the machines that run instances, and worker processes."""

from datetime import datetime
from typing import Self

from attrs import evolve, frozen

from pushpaka_core.domain.ids import WorkerId


@frozen(kw_only=True)
class Node:
    """
    A machine with a data directory for builds and instances.

    A runtime that cannot move instances between machines has exactly one node.
    """

    runtime: str
    """The runtime that uses the node."""
    name: str
    data_directory_id: str = ""
    """
    A unique id of the node's data directory.

    If the directory was copied or moved, an @ and its current path follow.
    """

    def has_same_origin(self, other: "Node") -> bool:
        """Return True if *other* is this node, apart from a copied or moved data directory."""
        return self._origin == other._origin  # noqa: SLF001 - of the same class

    @property
    def _origin(self) -> tuple[str, str, str]:
        return self.runtime, self.name, self.data_directory_id.partition("@")[0]


@frozen(kw_only=True)
class NodeLease:
    """The right of one process to supervise the instances on a node."""

    node: str
    fence: int = 1
    """The number of the acquisition. Writes with a lower fence are rejected."""
    holder: str | None
    """The name of the process that holds the lease, for display. None after a release."""
    heartbeat: int = 0

    @property
    def is_held(self) -> bool:
        """Return True if a process holds the lease."""
        return self.holder is not None

    def has_same_holder(self, other: "NodeLease") -> bool:
        """Return True if *other* is the same lease with the same holder. Heartbeats are ignored."""
        return (self.node, self.fence, self.holder) == (other.node, other.fence, other.holder)

    def acquire(self, holder: str) -> Self:
        """Return a copy of the lease that *holder* holds, with the next fencing token."""
        return evolve(self, fence=self.fence + 1, holder=holder, heartbeat=0)

    def renew(self) -> Self:
        """Return a copy of the lease with an incremented heartbeat."""
        return evolve(self, heartbeat=self.heartbeat + 1)

    def release(self) -> Self:
        """Return a copy of the lease without a holder."""
        return evolve(self, holder=None)


@frozen(kw_only=True)
class WorkerProcess:
    """
    A running worker process.

    It is used for display and metrics only. Only its leases determine whether a worker has failed.
    """

    id: WorkerId
    name: str
    node: str
    version: str
    runtime: str
    concurrency: int
    """The maximum number of concurrent jobs."""
    jobs: int = 0
    """The number of jobs in progress."""
    started_at: datetime
    seen_at: datetime
    """The time of the last report, according to the worker's clock."""
