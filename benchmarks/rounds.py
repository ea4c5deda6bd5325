"""Runs contestants in turn, and compares their results."""

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
"""The values of all rounds, by contestant and figure."""


async def alternate(contestants: Mapping[str, Turn], rounds: int) -> Samples:
    """
    Run each contestant once in each round, with a different one first each time.

    If there is more than one round, an additional round for warming up comes first.
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
    """The required ratio between the median of Pushpaka and that of the best other contestant."""

    ratio: float
    is_minimum: bool = False
    """Whether higher values are better. The ratio is then a minimum, otherwise a maximum."""

    def met_by(self, ratio: float) -> bool:
        """Return True if *ratio* reaches the goal."""
        return ratio >= self.ratio if self.is_minimum else ratio <= self.ratio

    def __str__(self) -> str:
        return f"{'at least' if self.is_minimum else 'at most'} {self.ratio:g}"


@frozen(kw_only=True)
class Comparison:
    """One figure of all contestants."""

    what: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    """The values by contestant. The one of Pushpaka is named OURS."""
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
        """The name of the best other contestant."""
        others = {name: median(values) for name, values in self.samples.items() if name != OURS}
        choose = max if self.goal is not None and self.goal.is_minimum else min
        return choose(others, key=others.__getitem__)

    @property
    def ratio(self) -> float:
        """Return the median of Pushpaka divided by that of the best other contestant."""
        return median(self.samples[OURS]) / median(self.samples[self.best])

    @property
    def row(self) -> Sequence[str]:
        """Return the comparison as a row of a table."""
        others = [name for name in self.samples if name != OURS]
        return (
            self.what,
            self._summary(OURS),
            "; ".join(f"{name} {self._summary(name)}" for name in others),
            f"{self.ratio:.2f}",
            "" if self.goal is None else f"{self.goal}: {self._result(self.goal)}",
        )

    def _result(self, goal: Goal) -> str:
        return "met" if goal.met_by(self.ratio) else "missed"

    def _summary(self, name: str) -> str:
        values = self.samples[name]
        spread = f" ({_short(min(values))} to {_short(max(values))})" if len(values) > 1 else ""
        return f"{_short(median(values))} {self.unit}{spread}"


COLUMNS = ("What", OURS, "Against", "Ratio", "Goal")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
