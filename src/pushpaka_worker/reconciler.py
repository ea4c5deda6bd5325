"""The loops that keep this node in line with the database."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from anyio import create_task_group, current_time
from attrs import field, frozen

from pushpaka_core.domain.timings import Timings
from pushpaka_core.services.certificates import Certificates
from pushpaka_core.services.domain_checks import DomainChecks
from pushpaka_core.services.reconciliation import Reconciliation
from pushpaka_core.services.restarting import Restarting
from pushpaka_core.services.sweeping import Sweeping
from pushpaka_core.services.tending import Tending
from pushpaka_worker.lease_watch import LeaseWatch
from pushpaka_worker.rounds import forever, forever_apart
from pushpaka_worker.tenure import Tenure

logger = logging.getLogger(__name__)

Companion: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Something beside the reconciler that only the owner of a node may run."""


@frozen
class Reconciler:
    """
    Runs each verb of reconciliation at its own pace; one that fails is tried again next time.

    What is done for each deployment waits for no other: a program that does not end holds up
    nobody but its own deployment.

    What concerns this node is run only while the node is ours. Lost workers are looked
    for by every reconciler: what it may do then is decided by their own leases.
    """

    _reconciliation: Reconciliation
    _tending: Tending
    _restarting: Restarting
    _sweeping: Sweeping
    _domain_checks: DomainChecks
    _certificates: Certificates
    _timings: Timings
    _tenure: Tenure
    _companions: Sequence[Companion] = ()
    _watch: LeaseWatch = field()

    @_watch.default
    def _new_watch(self) -> LeaseWatch:
        return LeaseWatch(self._timings.silence)

    async def requeue_all(self) -> None:
        """Take back every lease at once; right only where no other worker can hold one."""
        for sight in await self._reconciliation.leases():
            await self._reconciliation.requeue(sight.lease)

    async def run(self) -> None:
        """Reconcile, without end."""
        async with create_task_group() as loops:
            loops.start_soon(forever, self._timings.poll, self._requeue_silent)
            loops.start_soon(self._tenure.run, self._look_after_node)

    async def _look_after_node(self) -> None:
        timings = self._timings
        async with create_task_group() as loops:
            for companion in self._companions:
                loops.start_soon(companion)
            loops.start_soon(forever, timings.tend, self._reconciliation.finish_switches)
            loops.start_soon(forever, timings.tend, self._reconciliation.stop_drained)
            loops.start_soon(forever, timings.tend, self._reconciliation.mend_routes)
            loops.start_soon(forever_apart, timings.tend, self._tending.tend)
            loops.start_soon(forever_apart, timings.tend, self._restarting.restart)
            loops.start_soon(forever, timings.tend, self._sweeping.delete_projects)
            check_liveness = self._tending.check_liveness
            loops.start_soon(forever_apart, timings.liveness_interval, check_liveness)
            loops.start_soon(forever, timings.sweep, self._sweeping.sweep)
            loops.start_soon(forever, timings.sweep, self._domain_checks.check_due)
            loops.start_soon(forever, timings.sweep, self._certificates.note)

    async def _requeue_silent(self) -> None:
        sights = await self._reconciliation.leases()
        for lease in self._watch.silent(sights, now=current_time()):
            if await self._reconciliation.requeue(lease):
                logger.warning("the worker of deployment %s was lost", lease.deployment_id)
