"""What the harness tells in the end."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM

from attrs import frozen
from tests.faults.harness.crowd import Ledger
from tests.faults.harness.faults import Kind, Misfortune
from tests.faults.harness.judge import Verdict
from tests.faults.harness.world import World

REFUSALS = (
    "belongs to another worker now",
    "is not ours to work on any more",
    "Another process looks after the node",
)
"""What a worker says whose write came too late: another one has the deployment, or the node."""
LET_GO = ("is let go: its lease was lost", "is not ours to look after any more")
"""What it says that ends its work by itself, or because of a refusal."""
_MOST_TOLD = 20
_AS_TOLD = frozenset({0, -SIGKILL, -SIGTERM})
"""The exit codes of programs that were killed, or told to end; by SIGTERM before they had begun."""
_REFUSALS_TO_BEGIN = ("Error: The database does not answer", "Error: The database server ")
"""The last words of those that were started while their database was away, or locked by another."""


@frozen(kw_only=True)
class Report:
    """How one run went."""

    title: str
    seconds: float
    misfortune: Misfortune
    ledger: Ledger
    verdict: Verdict
    fell: Sequence[str]
    """Which programs ended that nobody had ended."""
    tracebacks: Sequence[str]
    """Which programs have told of errors that nobody expects."""
    leases_let_go: int
    stale_writes: int

    @property
    def wrongs(self) -> dict[str, Sequence[str]]:
        """Return all that there must be none of."""
        return {
            **self.verdict.wrongs,
            "strange answers": self.ledger.strange,
            "failed visits": self.ledger.missed,
            "fallen programs": self.fell,
            "tracebacks": self.tracebacks,
        }

    @property
    def is_good(self) -> bool:
        """Tell whether every promise was kept."""
        return not any(self.wrongs.values())

    def lines(self) -> Iterator[str]:
        """Yield it for a person to read."""
        ledger, verdict = self.ledger, self.verdict
        kinds = ", ".join(f"{kind} {self.misfortune.count(kind)}" for kind in Kind)
        statuses = ", ".join(f"{status} {n}" for status, n in sorted(verdict.statuses.items()))
        wrongs = ", ".join(f"{name} {len(found)}" for name, found in self.wrongs.items())
        yield f"{self.title}: {self.seconds:.0f} s"
        yield f"  {kinds}"
        yield from (f"    {n:4} x {fault.name}" for fault, n in self.misfortune.tally.most_common())
        yield f"  deployments {len(ledger.accepted)}: {statuses}"
        yield f"  taken over {verdict.taken_over}, given up after three workers {verdict.given_up}"
        yield f"  leases let go {self.leases_let_go}, stale writes refused {self.stale_writes}"
        yield (
            f"  requests: told to come again {ledger.refused}, unanswered {ledger.unanswered}; "
            f"visits {ledger.visits}"
        )
        yield f"  {wrongs}"
        for name, found in self.wrongs.items():
            yield from (f"    {name}: {sentence}" for sentence in found[:_MOST_TOLD])


def times_said(world: World, sentences: Iterable[str]) -> int:
    """Return how often the programs have said one of some sentences."""
    return sum(text.count(sentence) for text in _said(world).values() for sentence in sentences)


def tracebacks(world: World) -> Sequence[str]:
    """Return which programs have told of errors that nobody expects."""
    return [f"in {log.name}" for log, text in _said(world).items() if "Traceback" in text]


def fell(world: World) -> Sequence[str]:
    """Return which programs ended that were not killed, nor told to end, nor had to refuse."""
    return [
        f"{program.log.stem} with code {end.code}: {end.last_words}"
        for program in world.programs
        for end in program.ends
        if end.code not in _AS_TOLD and not end.last_words.startswith(_REFUSALS_TO_BEGIN)
    ]


def _said(world: World) -> Mapping[Path, str]:
    return {log: log.read_text(errors="replace") for log in world.logs if log.exists()}


def say(sentence: str) -> None:
    """Tell whoever has started the harness."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
