"""A feed of the status changes of the deployments that a user can see."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from anyio import move_on_after
from attrs import define, field

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.events import next_event

_DEBOUNCE_SECONDS = 0.05
"""How long to wait for more status changes after the first one, to return them together."""


@define(kw_only=True)
class StatusFeed:
    """
    Reads changed deployments from storage when the event bus reports a change.

    Events may be lost, so storage is also checked regularly. Each read checks again what the actor
    can see.
    """

    _storage: Storage
    _events: AsyncIterator[DeploymentChanged]
    _poll_interval: timedelta
    """The interval at which storage is checked, in case an event was lost."""
    _actor: Actor
    _project_id: ProjectId | None
    """The project to follow; None follows all projects of the actor."""
    _seen_versions: Mapping[DeploymentId, int] = field(factory=dict, init=False)
    """The row version of each unfinished deployment at the last read."""

    async def start(self) -> None:
        """
        Read the current state. From then on, `next_batch` returns changes.

        Raises:
            NotFoundError: If the actor cannot see the project.
        """
        async with self._storage.snapshot() as uow:
            self._seen_versions = await self._versions(uow)

    async def next_batch(self) -> Sequence[Deployment]:
        """
        Wait for the next status changes and return the changed deployments, oldest first.

        Raises:
            NotFoundError: If the actor can no longer see the project.
        """
        moved: Sequence[Deployment] = ()
        while not moved:
            moved = await self._read_changed(await self._wait_for_events())
        return moved

    async def _wait_for_events(self) -> Collection[DeploymentId]:
        """Return the deployments of the next events, or none if the poll interval ends first."""
        first = await next_event(
            self._events, timeout=self._poll_interval, matches=self._is_followed
        )
        if first is None:
            return ()
        deployment_ids = {first.deployment_id}
        with move_on_after(_DEBOUNCE_SECONDS):
            async for event in self._events:
                if self._is_followed(event):
                    deployment_ids.add(event.deployment_id)
        return deployment_ids

    def _is_followed(self, event: DeploymentChanged) -> bool:
        return self._project_id in (None, event.deployment.project_id)

    async def _read_changed(self, announced_ids: Collection[DeploymentId]) -> Sequence[Deployment]:
        async with self._storage.snapshot() as uow:
            versions = await self._versions(uow)
            changed = {key for key, _ in self._seen_versions.items() ^ versions.items()}
            self._seen_versions = versions
            return await self._visible_deployments(uow, changed.union(announced_ids))

    async def _versions(self, uow: UnitOfWork) -> Mapping[DeploymentId, int]:
        if self._project_id is not None:
            await get_project(uow, self._actor, self._project_id, ProjectRole.VIEWER)
        return await uow.deployments.visible_to(self._actor).versions(self._project_id)

    async def _visible_deployments(
        self, uow: UnitOfWork, ids: Collection[DeploymentId]
    ) -> Sequence[Deployment]:
        seen = []
        for moved in ids:
            with suppress(NotFoundError):
                seen.append(
                    await get_entity(uow, self._actor, uow.deployments, moved, ProjectRole.VIEWER)
                )
        return sorted(seen, key=lambda deployment: (deployment.created_at, deployment.sequence))
