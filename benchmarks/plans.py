"""How much is done in a run."""

from collections.abc import Sequence
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen(kw_only=True)
class Plan:
    """What the command line says, for all rows of the table."""

    rounds: int | None = None
    """None is what the row takes by itself."""
    is_quick: bool = False
    """Whether it is only tried if all of it works: what it says then is not to be judged."""
    sizes: tuple[int, int] = (1_000_000, 10_000_000)
    """How many deployments and lines of logs a large database has."""
    minutes: float = 60
    """For how long there is constant work."""
    runtimes: Sequence[str] = ("process", "docker")
    """On which of them requests are counted while versions come and go."""
    readers: int = 2
    """How many visitors read all the while."""

    def rounds_of(self, usual: int) -> int:
        """Return how often each contestant has its turn, where it is *usual* times else."""
        if self.is_quick:
            return 1
        return self.rounds or usual

    def few(self, usual: Sequence[T]) -> Sequence[T]:
        """Return all kinds of what is measured, or the first one alone."""
        return usual[:1] if self.is_quick else usual

    def amount(self, usual: int, quick: int) -> int:
        """Return how much is done in a round."""
        return quick if self.is_quick else usual
