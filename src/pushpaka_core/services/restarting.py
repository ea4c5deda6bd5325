"""Puts new instances in place of those that serve: started first, stopped afterwards."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.logs import LogLevel
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.domain.timings import Timings, has_come
from pushpaka_core.errors import PlatformFaultError, StaleEntityError, StartError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.processes import GONE
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import Dispatch, all_done, together
from pushpaka_core.services.jobs import Jobs
from pushpaka_core.services.log_writing import LogWriting
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.node_hold import NodeHold
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.running import Running
from pushpaka_core.services.scaling import Scaling
from pushpaka_core.services.starting import Starting
from pushpaka_core.services.tending import Served, Tending


@frozen
class Restarting:
    """
    Takes each deployment to the generation of instances that is wanted of it, and to its number.

    It looks at the rows only, so that it goes on where a killed platform stopped.
    """

    _storage: Storage
    _events: EventBus
    _hold: NodeHold
    _jobs: Jobs
    _logs: LogWriting
    _starting: Starting
    _running: Running
    _tending: Tending
    _scaling: Scaling
    _routing: Routing
    _moves: Moves
    _timings: Timings
    _now: Clock

    async def restart(self, dispatch: Dispatch = all_done) -> None:
        """Go one step further with every restart, and stop what has been replaced."""
        await dispatch(
            {
                served.deployment.id: partial(self._see_to, served)
                for served in await self._tending.seen()
                if not served.is_leaving
            }
        )

    async def _see_to(self, served: Served) -> None:
        retired = [i for i in served.instances if self._is_due(i)]
        bring_up = self._go_on if served.replaced else self._scaling.adjust
        # What is retired has ports that others may wait for.
        await together([partial(self._remove_retired, retired), partial(bring_up, served)])

    async def _go_on(self, served: Served) -> None:
        await together(partial(self._running.remove_one, i) for i in served.overtaken)
        with suppress(StaleEntityError):  # What changed meanwhile is seen by the next round.
            try:
                await self._next_step(served)
            except (StartError, PlatformFaultError) as error:
                await self._give_up(served, str(error))

    async def _next_step(self, served: Served) -> None:
        if not served.fresh:
            await self._begin(served)
        elif await self._are_healthy(served):
            await self._replace(served)

    async def _begin(self, served: Served) -> None:
        job = await self._jobs.of(served.deployment)
        instances = await self._starting.reserve(job)
        await together(partial(self._starting.start, job, instance) for instance in instances)

    async def _are_healthy(self, served: Served) -> bool:
        """Tell whether all new instances are; StartError when one will not become so."""
        healthy: list[InstanceId] = []

        async def look_at(instance: Instance) -> None:
            if await self._is_healthy(served, instance):
                healthy.append(instance.id)

        await together(partial(look_at, instance) for instance in served.fresh)
        return len(healthy) == len(served.fresh)

    async def _is_healthy(self, served: Served, instance: Instance) -> bool:
        sight = await self._starting.look(served, instance)
        is_late = self._starting.is_late(served, instance)
        if sight.end == GONE and not is_late:
            # The platform was killed before it started it, or the machine was switched off.
            job = await self._jobs.of(served.deployment)
            await self._hold.require()
            await self._running.remove_unknown(instance.name)
            await self._starting.start(job, instance)
        elif sight.end is not None:
            raise StartError(f"The {instance.process_type} process {sight.end}.")
        elif sight.missing is not None and is_late:
            raise StartError(await self._starting.too_late(served, instance, sight))
        return sight.is_healthy

    async def _replace(self, served: Served) -> None:
        """Route the new instances, and give the old ones the time of a drain."""
        stop_at = self._now() + self._timings.drain
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(served.deployment.id)
            if present.generation != served.deployment.generation:
                return
            for instance in served.fresh:
                await uow.instances.update(instance.go_live())
            for instance in served.replaced:
                await uow.instances.update(instance.retire(stop_at=stop_at))
            await self._moves.tell(uow, present, "Its instances were replaced by new ones")
        await self._routing.publish()
        await self._events.publish(DeploymentMoved(deployment=present))

    async def _give_up(self, served: Served, reason: str) -> None:
        """Keep what serves: nobody is served better by nothing."""
        wanted = served.deployment.generation
        async with self._storage.snapshot() as uow:
            instances = await uow.instances.of_deployments([served.deployment])
        failed = [instance for instance in instances if instance.generation == wanted]
        await self._hold.require()
        await together(partial(self._running.remove_one, instance) for instance in failed)
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(served.deployment.id)
            if present.generation != wanted:
                return
            (serving,) = {instance.generation for instance in served.tended}
            kept = await self._moves.keep(uow, present.keep_generation(serving), "A restart failed")
        await self._say(kept.id, f"The restart failed, and the old instances serve on. {reason}")
        await self._events.publish(DeploymentMoved(deployment=kept))

    async def _say(self, id: DeploymentId, sentence: str) -> None:
        async with self._logs.open(id, Redactor()) as log:
            await log.say(sentence, Phase.RUN, LogLevel.ERROR)

    async def _remove_retired(self, instances: Sequence[Instance]) -> None:
        if instances:
            # No route may lead to them any more: their ports may be given to others afterwards.
            await self._routing.publish()
            await together(partial(self._running.remove_one, instance) for instance in instances)

    def _is_due(self, instance: Instance) -> bool:
        return has_come(instance.stop_at, now=self._now(), longest=self._timings.drain)
