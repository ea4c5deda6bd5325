"""Checks whether the artifact of a deployment still exists on the builder."""

from anyio import fail_after
from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.accounts.permissions import get_entity

_TIMEOUT_SECONDS = 0.75
"""Seconds to wait for the builder. The time is short because a user waits for the response."""


@frozen
class ArtifactLookup:
    """Looks up artifacts. Never call it in a transaction: the builder may be a remote server."""

    _storage: Storage
    _builder: Builder

    async def exists(self, actor: Actor, id: DeploymentId) -> bool:
        """
        Return True if the deployment *id* has a release whose artifact still exists.

        Raises:
            NotFoundError: If the actor cannot see the deployment.
            NotAllowedError: If the actor is only a viewer of the project.
            RuntimeUnavailableError: If the builder does not respond in time.
        """
        async with self._storage.snapshot() as uow:
            deployment = await get_entity(uow, actor, uow.deployments, id, ProjectRole.MEMBER)
            release = await uow.releases.of_deployment(deployment)
        if release is None:
            return False
        try:
            with fail_after(_TIMEOUT_SECONDS):
                return await self._builder.exists(release.artifact)
        except TimeoutError:
            raise RuntimeUnavailableError(
                "The builder did not respond in time. Try again in a few seconds."
            ) from None
