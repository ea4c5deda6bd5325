"""The scale of a run."""

from collections.abc import Sequence
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen(kw_only=True)
class RunOptions:
    """The options of the command line, for all benchmarks."""

    rounds: int | None = None
    """Number of rounds. None for the default of each benchmark."""
    is_quick: bool = False
    """Whether to check only that everything works. The results are meaningless."""
    sizes: tuple[int, int] = (1_000_000, 10_000_000)
    """Number of deployments and of log lines in a large database."""
    minutes: float = 60
    """Duration of the constant work."""
    runtimes: Sequence[str] = ("process", "docker")
    """The runtimes of the cutover benchmark."""
    readers: int = 2
    """Number of visitors of the cutover benchmark who read."""

    def rounds_of(self, default: int) -> int:
        """Return the number of rounds, by default *default*."""
        if self.is_quick:
            return 1
        return self.rounds or default

    def variants(self, usual: Sequence[T]) -> Sequence[T]:
        """Return all variants, or only the first one in a quick run."""
        return usual[:1] if self.is_quick else usual

    def amount(self, usual: int, quick: int) -> int:
        """Return *usual*, or *quick* in a quick run."""
        return quick if self.is_quick else usual
