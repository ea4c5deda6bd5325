"""Contestants by turns: what each round says of each of them, and how they compare."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median
from typing import TypeAlias

from attrs import frozen

OURS = "Pushpaka"
Figures: TypeAlias = Mapping[str, float]
Turn: TypeAlias = Callable[[], Awaitable[Figures]]
"""One round of one contestant."""
Samples: TypeAlias = Mapping[str, Mapping[str, Sequence[float]]]
"""Of each contestant, by figure: the values of all rounds."""


async def by_turns(contestants: Mapping[str, Turn], rounds: int) -> Samples:
    """
    Let each have its turn in each round; who begins changes.

    One more round warms up before, but where there is a single one, which is to be tried only.
    """
    samples: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in contestants}
    names = list(contestants)
    for number in range(0 if rounds > 1 else 1, rounds + 1):
        first = number % len(names)
        for name in [*names[first:], *names[:first]]:
            for figure, value in (await contestants[name]()).items():
                if number:
                    samples[name][figure].append(value)
    return samples


@frozen(kw_only=True)
class Goal:
    """What the median of ours has to be of that of the best other one."""

    ratio: float
    is_least: bool = False
    """Whether more is better: then it is at least so much, and else at most."""

    def met_by(self, ratio: float) -> bool:
        """Tell whether *ratio* is good enough."""
        return ratio >= self.ratio if self.is_least else ratio <= self.ratio

    def __str__(self) -> str:
        return f"{'at least' if self.is_least else 'at most'} {self.ratio:g}"


@frozen(kw_only=True)
class Comparison:
    """One figure of all contestants."""

    what: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    """Ours is the one called OURS."""
    goal: Goal | None = None

    @classmethod
    def of(
        cls, samples: Samples, figure: str, *, what: str, unit: str, goal: Goal | None = None
    ) -> "Comparison":
        """Compare one of the figures of the same rounds."""
        values = {name: figures[figure] for name, figures in samples.items() if figure in figures}
        return cls(what=what, unit=unit, samples=values, goal=goal)

    @property
    def best(self) -> str:
        """The name of the best of the others."""
        others = {name: median(values) for name, values in self.samples.items() if name != OURS}
        choose = max if self.goal is not None and self.goal.is_least else min
        return choose(others, key=others.__getitem__)

    @property
    def ratio(self) -> float:
        """Return the median of ours by that of the best other one."""
        return median(self.samples[OURS]) / median(self.samples[self.best])

    @property
    def row(self) -> Sequence[str]:
        """Show it as a line of a table."""
        others = [name for name in self.samples if name != OURS]
        return (
            self.what,
            self._told(OURS),
            "; ".join(f"{name} {self._told(name)}" for name in others),
            f"{self.ratio:.2f}",
            "" if self.goal is None else f"{self.goal}: {self._judged(self.goal)}",
        )

    def _judged(self, goal: Goal) -> str:
        return "met" if goal.met_by(self.ratio) else "missed"

    def _told(self, name: str) -> str:
        values = self.samples[name]
        spread = f" ({_short(min(values))} to {_short(max(values))})" if len(values) > 1 else ""
        return f"{_short(median(values))} {self.unit}{spread}"


COLUMNS = ("What", OURS, "Against", "Ratio", "Goal")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
