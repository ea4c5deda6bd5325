"""The moves of deployments, as somebody sees them who may not see all."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from anyio import move_on_after
from attrs import define, field

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services.roles import part_for, project_for

_GATHER_SECONDS = 0.05
"""How long moves are waited for that come with another one."""


@define(kw_only=True)
class MoveFollower:
    """
    Looks into storage when the bus tells of a move, and now and then in case it did not.

    What somebody may see is asked for anew each time.
    """

    _storage: Storage
    _moves: AsyncIterator[DeploymentMoved]
    _recheck: timedelta
    """How long a lost message can hold a move back."""
    _actor: Actor
    _project_id: ProjectId | None
    """Where they look; None looks at all of their projects."""
    _known: Mapping[DeploymentId, int] = field(factory=dict, init=False)
    """The versions in which they have seen what is not over."""

    async def begin(self) -> None:
        """See what there is; NotFoundError."""
        async with self._storage.snapshot() as uow:
            self._known = await self._versions(uow)

    async def next_batch(self) -> Sequence[Deployment]:
        """Return what has moved next; NotFoundError once the project is not theirs to see."""
        moved: Sequence[Deployment] = ()
        while not moved:
            moved = await self._look(await self._told())
        return moved

    async def _told(self) -> Collection[DeploymentId]:
        """Wait for a word of moves, or until it is time to look without."""
        told: set[DeploymentId] = set()
        with move_on_after(self._recheck.total_seconds()):
            told.add(await self._next())
            with move_on_after(_GATHER_SECONDS):
                while True:
                    told.add(await self._next())
        return told

    async def _next(self) -> DeploymentId:
        while True:
            deployment = (await anext(self._moves)).deployment
            if self._project_id in (None, deployment.project_id):
                return deployment.id

    async def _look(self, told: Collection[DeploymentId]) -> Sequence[Deployment]:
        async with self._storage.snapshot() as uow:
            versions = await self._versions(uow)
            changed = {key for key, _ in self._known.items() ^ versions.items()}
            self._known = versions
            return await self._seen(uow, changed.union(told))

    async def _versions(self, uow: UnitOfWork) -> Mapping[DeploymentId, int]:
        if self._project_id is not None:
            await project_for(uow, self._actor, self._project_id, ProjectRole.VIEWER)
        return await uow.deployments.visible_to(self._actor).versions(self._project_id)

    async def _seen(self, uow: UnitOfWork, ids: Collection[DeploymentId]) -> Sequence[Deployment]:
        seen = []
        for moved in ids:
            with suppress(NotFoundError):
                seen.append(
                    await part_for(uow, self._actor, uow.deployments, moved, ProjectRole.VIEWER)
                )
        return sorted(seen, key=lambda deployment: (deployment.created_at, deployment.sequence))
