"""The part of the storage that says who looks after each node."""

from typing import Protocol

from pushpaka_core.domain.nodes import NodeLease


class NodeLeases(Protocol):
    """Who looks after what runs on each node: one reconciler at a time."""

    async def find(self, node: str, /) -> NodeLease | None:
        """Return the lease of *node* as it is, or None where nobody ever had it."""
        ...

    async def take(
        self, node: str, holder: str, /, *, instead_of: NodeLease | None = None
    ) -> NodeLease:
        """
        Give *node* to *holder*, under the next fence, and return its lease.

        It is taken *instead_of* the lease that was seen last, whoever holds that, or of
        none where none was seen. Whether the one before is silent is for the caller to see.

        Raises:
            LeaseLostError: If the lease has beaten or changed hands since it was seen.
        """
        ...

    async def held(self, lease: NodeLease, /) -> None:
        """
        Return where *lease* is good, and keep it so to the end of the transaction.

        Raises:
            LeaseLostError: If it was let go, or is in other hands.
        """

    async def beat(self, lease: NodeLease, /) -> None:
        """Count the heartbeat of a held lease up; LeaseLostError."""

    async def release(self, lease: NodeLease, /) -> None:
        """Let *lease* go, so that the next may take it at once. Harmless where it is lost."""
