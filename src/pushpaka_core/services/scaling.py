"""As many web processes as are wanted: asked for by owners, brought about by the reconciler."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import SERVING
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import WEB, Instance
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import PlatformFaultError, StaleEntityError, StartError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import together
from pushpaka_core.services.jobs import Job, Jobs
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.roles import part_for
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.starting import Starting
from pushpaka_core.services.tending import Served


async def scale(
    uow: UnitOfWork, moves: Moves, actor: Actor, project: Project
) -> Sequence[Deployment]:
    """Want as many replicas of what *project* serves as it says by now, and return what changed."""
    scaled: list[Deployment] = []
    for target in await uow.targets.of_projects([project]):
        deployment = await part_for(
            uow, actor, uow.deployments, target.deployment_id, ProjectRole.MEMBER
        )
        if deployment.status not in SERVING or deployment.drain_until is not None:
            continue
        release = await uow.releases.of_deployment(deployment)
        if release is None or deployment.run_settings is None:
            continue
        wanted = RunSettings.of(project, release.plan.settings).replicas
        if wanted != deployment.run_settings.replicas:
            cause = f"It is scaled from {deployment.run_settings.replicas} to {wanted}"
            scaled.append(await moves.keep(uow, deployment.scale(wanted), cause, actor))
    return scaled


@frozen
class Scaling:
    """
    Starts what is missing of a deployment that serves, and retires what is too much.

    It looks at the rows only; what it has started becomes live like what was started anew.
    """

    _storage: Storage
    _jobs: Jobs
    _starting: Starting
    _routing: Routing
    _timings: Timings
    _now: Clock

    async def adjust(self, served: Served) -> None:
        """Go one step towards the number that is wanted."""
        wanted = served.settings.replicas
        web = [instance for instance in served.tended if instance.process_type == WEB]
        missing = sorted(set(range(wanted)) - {instance.index for instance in web})
        surplus = [instance for instance in web if instance.index >= wanted]
        if served.deployment.status not in SERVING or not web:
            return
        with suppress(StaleEntityError):  # What changed meanwhile is seen by the next round.
            if missing:
                await self._start(served, missing)
            if surplus:
                await self._retire(surplus)

    async def _start(self, served: Served, indexes: Sequence[int]) -> None:
        job = await self._jobs.of(served.deployment)
        instances = await self._starting.reserve_web(job, indexes)
        await together(partial(self._start_one, job, instance) for instance in instances)

    async def _start_one(self, job: Job, instance: Instance) -> None:
        try:
            await self._starting.start(job, instance)
        except (StartError, PlatformFaultError) as error:
            crashed = instance.crash(str(error), at=self._now())
            async with self._storage.transaction() as uow:
                await uow.instances.update(crashed)

    async def _retire(self, surplus: Sequence[Instance]) -> None:
        stop_at = self._now() + self._timings.drain
        async with self._storage.transaction() as uow:
            for instance in surplus:
                await uow.instances.update(instance.retire(stop_at=stop_at))
        await self._routing.publish()
