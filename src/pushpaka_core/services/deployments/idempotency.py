"""Requests for deployments, with the data that makes them idempotent."""

from datetime import datetime
from hashlib import sha256
from typing import Self

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind, NewDeployment
from pushpaka_core.domain.ids import DeploymentId, UserId
from pushpaka_core.domain.projects.images import parse_image
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION


@frozen(kw_only=True)
class DeploymentRequest:
    """A request for a deployment by a user, with its idempotency key."""

    user_id: UserId
    key: str | None
    """The idempotency key. None for a request that is not idempotent."""
    digest: str
    """A hash of the request. It distinguishes different requests with the same key."""

    @classmethod
    def of(cls, actor: Actor, key: str | None, *values: object) -> Self:
        """
        Return a request by *actor* with the idempotency key *key*.

        *values* describe the request: requests with equal values have the same digest.

        Raises:
            NotAllowedError: If the token of *actor* does not allow deployments.
        """
        actor.require_scope(Scope.DEPLOY)
        digest = sha256(repr(values).encode()).hexdigest()
        return cls(user_id=actor.require_user(), key=key, digest=digest)

    def new_deployment(
        self,
        new_deployment: NewDeployment,
        project: Project,
        *,
        id: DeploymentId,
        sequence: int,
        now: datetime,
    ) -> Deployment:
        """
        Return a new deployment whose source must be fetched and built, or whose image must be
        pulled.
        """
        image = project.image and parse_image(new_deployment.image or str(project.image))
        return Deployment(
            id=id,
            project_id=project.id,
            user_id=self.user_id,
            slug=project.slug,
            target=new_deployment.target,
            sequence=sequence,
            branch=new_deployment.branch or project.branch,
            commit_sha=new_deployment.commit_sha,
            archive=new_deployment.archive,
            image=str(image) if image else None,
            created_at=now,
            idempotency_key=self.key,
            request_digest=self.digest,
        )

    def repeat_deployment(
        self,
        source: Deployment,
        kind: DeploymentKind,
        *,
        id: DeploymentId,
        sequence: int,
        now: datetime,
    ) -> Deployment:
        """
        Return a new deployment that serves the release of *source* again.

        A promotion has the target production. All other kinds have the target of *source*. Only a
        rollback keeps the run settings of *source*.
        """
        return Deployment(
            id=id,
            project_id=source.project_id,
            user_id=self.user_id,
            slug=source.slug,
            target=PRODUCTION if kind is DeploymentKind.PROMOTE else source.target,
            kind=kind,
            source_deployment_id=source.id,
            sequence=sequence,
            branch=source.branch,
            commit_sha=source.commit_sha,
            commit_message=source.commit_message,
            commit_author=source.commit_author,
            framework=source.framework,
            has_web=source.has_web,
            image=source.image,
            release_id=source.release_id,
            run_settings=source.run_settings if kind is DeploymentKind.ROLLBACK else None,
            created_at=now,
            idempotency_key=self.key,
            request_digest=self.digest,
        )
