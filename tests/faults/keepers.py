"""The processes that want to look after the node, each of which may be paused and killed."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from anyio import sleep_forever
from attrs import define, evolve, field
from tests.faults.stage import Actor
from tests.services.platform import FAST

from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.engine import Engine
from pushpaka_worker.tenure import Tenure

Verb = Callable[[], Awaitable[None]]

TIMINGS = evolve(
    FAST,
    poll=timedelta(microseconds=50),
    heartbeat=timedelta(microseconds=50),
    give_up=timedelta(hours=2),
    silence=timedelta(seconds=20),
)
"""Only steps move it: with each it looks at the node, takes it, beats once, or lets it go."""


def verbs_of(engine: Engine) -> Mapping[str, Verb]:
    """Return what reconcilers do, by name."""
    return {
        "finish_switches": engine.reconciliation.finish_switches,
        "stop_drained": engine.reconciliation.stop_drained,
        "tend": engine.tending.tend,
        "restart": engine.restarting.restart,
        "check_liveness": engine.tending.check_liveness,
        "delete_projects": engine.sweeping.delete_projects,
        "mend_routes": engine.reconciliation.mend_routes,
        "sweep": engine.sweeping.sweep,
    }


HELD = frozenset({"tend", "restart", "check_liveness", "delete_projects", "sweep"})
"""The verbs that only the owner of the node may do; others are harmless in anybody's hands."""


@define(eq=False)
class Keeper:
    """A process with its tenure, and the verbs that it is busy with while it has the node."""

    name: str
    engine: Engine
    tenure: Actor = field(factory=Actor)
    busy: dict[str, Actor] = field(factory=dict)
    is_at_work: bool = False

    async def run(self) -> None:
        """Want the node, without end."""
        tenure = Tenure(self.engine.node_hold, TIMINGS, holder=self.name, is_alone=False)
        await tenure.run(self._work)

    def has(self, lease: NodeLease | None) -> bool:
        """Tell whether *lease* is in the hands of this process."""
        held = self.engine.node_hold._lease
        return lease is not None and held is not None and held.is_same_hold(lease)

    @property
    def actors(self) -> list[Actor]:
        """All that goes on in it."""
        return [self.tenure, *self.busy.values()]

    async def _work(self) -> None:
        self.is_at_work = True
        try:
            await sleep_forever()
        finally:
            self.is_at_work = False
