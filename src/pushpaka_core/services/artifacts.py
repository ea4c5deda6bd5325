"""Tells whether what was built is still there, whatever the rows say."""

from anyio import fail_after
from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.roles import part_for

_PATIENCE_SECONDS = 0.75
"""Somebody waits for the answer."""


@frozen
class Artifacts:
    """Asks the builder, which nobody does within a transaction: it may have to ask elsewhere."""

    _storage: Storage
    _builder: Builder

    async def has(self, actor: Actor, id: DeploymentId) -> bool:
        """
        Tell whether what *id* serves, or has served, could be started; NotFoundError.

        Raises:
            RuntimeUnavailableError: If that cannot be told at once.
        """
        async with self._storage.snapshot() as uow:
            deployment = await part_for(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            release = await uow.releases.of_deployment(deployment)
        if release is None:
            return False
        try:
            with fail_after(_PATIENCE_SECONDS):
                return await self._builder.exists(release.artifact)
        except TimeoutError:
            raise RuntimeUnavailableError(
                "It cannot be told whether what was built is still there. Try again soon."
            ) from None
