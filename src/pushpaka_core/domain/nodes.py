"""Nodes: the machines on which instances run, each looked after by one reconciler."""

from typing import Self

from attrs import evolve, frozen


@frozen(kw_only=True)
class Node:
    """
    A machine with the directory in which it keeps what is built and run there.

    A runtime that cannot move anything to another machine has one node in all.
    """

    runtime: str
    name: str
    home: str = ""
    """
    What tells its data directory from any other, also from another one of the machine.

    Where the directory is a copy, or was moved, the place that it has now stands behind an @.
    """

    def may_be(self, other: "Node") -> bool:
        """Tell whether *other* is this node or a copy of it, or was that before it was moved."""
        return self._origin == other._origin  # noqa: SLF001 - of the same class

    @property
    def _origin(self) -> tuple[str, str, str]:
        return self.runtime, self.name, self.home.partition("@")[0]


@frozen(kw_only=True)
class NodeLease:
    """The right of one reconciler to look after what runs on a node."""

    node: str
    fence: int = 1
    """Counts the holders; what an earlier one writes is refused."""
    holder: str | None
    """The process that has it, for people; None once it was let go."""
    heartbeat: int = 0

    @property
    def is_held(self) -> bool:
        """Tell whether somebody has it."""
        return self.holder is not None

    def is_same_hold(self, other: "NodeLease") -> bool:
        """Tell whether *other* is this lease in the same hands, however often it has beaten."""
        return (self.node, self.fence, self.holder) == (other.node, other.fence, other.holder)

    def take(self, holder: str) -> Self:
        """Return it in the hands of *holder*, under the next fence."""
        return evolve(self, fence=self.fence + 1, holder=holder, heartbeat=0)

    def beat(self) -> Self:
        """Return it one heartbeat further."""
        return evolve(self, heartbeat=self.heartbeat + 1)

    def release(self) -> Self:
        """Return it in nobody's hands."""
        return evolve(self, holder=None)
