"""As many web processes as are wanted: asked for by owners, brought about by the reconciler."""

from collections.abc import Sequence
from contextlib import suppress

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import SERVING, UNDER_WAY
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import WEB, Instance
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import StaleEntityError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.jobs import Jobs
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.roles import part_for
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.starting import Starting
from pushpaka_core.services.tending import Served


async def scale(
    uow: UnitOfWork, moves: Moves, actor: Actor, project: Project
) -> Sequence[Deployment]:
    """
    Want as many replicas of what *project* serves as it says by now, and return what changed.

    What is on its way to be served is not to come with as many as were wanted when it set out.
    """
    scaled: list[Deployment] = []
    for deployment in [*await _served(uow, actor, project), *await _coming(uow, project)]:
        release = await uow.releases.of_deployment(deployment)
        if release is None or deployment.run_settings is None:
            continue
        wanted = RunSettings.of(project, release.plan.settings).replicas
        if wanted != deployment.run_settings.replicas:
            cause = f"It is scaled from {deployment.run_settings.replicas} to {wanted}"
            scaled.append(await moves.keep(uow, deployment.scale(wanted), cause, actor))
    return scaled


async def _served(uow: UnitOfWork, actor: Actor, project: Project) -> Sequence[Deployment]:
    found = [
        await part_for(uow, actor, uow.deployments, target.deployment_id, ProjectRole.MEMBER)
        for target in await uow.targets.of_projects([project])
    ]
    return [each for each in found if each.status in SERVING and each.drain_until is None]


async def _coming(uow: UnitOfWork, project: Project) -> Sequence[Deployment]:
    return await uow.deployments.of_projects([project], UNDER_WAY)


@frozen
class Scaling:
    """
    Keeps rows for what is missing of a deployment that serves, and retires what is too much.

    Who tends instances starts those like others that do not run.
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
                job = await self._jobs.of(served.deployment)
                await self._starting.reserve_web(job, missing)
            if surplus:
                await self._retire(surplus)

    async def _retire(self, surplus: Sequence[Instance]) -> None:
        stop_at = self._now() + self._timings.drain
        async with self._storage.transaction() as uow:
            for instance in surplus:
                await uow.instances.update(instance.retire(stop_at=stop_at))
        await self._routing.publish()
