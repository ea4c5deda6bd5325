"""What somebody asks to have deployed, in a form that is known again when it comes twice."""

from datetime import datetime
from hashlib import sha256
from typing import Self

from attrs import frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.deployments import (
    PRODUCTION,
    Deployment,
    DeploymentId,
    DeploymentKind,
    NewDeployment,
)
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import UserId


@frozen(kw_only=True)
class DeploymentRequest:
    """Who asks, and how to tell the same request from another under the same key."""

    user_id: UserId
    key: str | None
    digest: str

    @classmethod
    def of(cls, actor: Actor, key: str | None, *wish: object) -> Self:
        """Return the request of *actor* for *wish*; NotAllowedError where the token forbids it."""
        actor.require_scope(Scope.DEPLOY)
        digest = sha256(repr(wish).encode()).hexdigest()
        return cls(user_id=actor.require_user(), key=key, digest=digest)

    def fresh(
        self,
        new: NewDeployment,
        project: Project,
        *,
        id: DeploymentId,
        sequence: int,
        at: datetime,
    ) -> Deployment:
        """Return a deployment that begins with the source."""
        return Deployment(
            id=id,
            project_id=project.id,
            user_id=self.user_id,
            slug=project.slug,
            target=new.target,
            sequence=sequence,
            branch=new.branch or project.branch,
            commit_sha=new.commit_sha,
            archive=new.archive,
            created_at=at,
            idempotency_key=self.key,
            request_digest=self.digest,
        )

    def again(
        self,
        source: Deployment,
        kind: DeploymentKind,
        *,
        id: DeploymentId,
        sequence: int,
        at: datetime,
    ) -> Deployment:
        """Return a deployment that serves what *source* served; a promoted one, to production."""
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
            image=source.image,
            release_id=source.release_id,
            run_settings=source.run_settings if kind is DeploymentKind.ROLLBACK else None,
            created_at=at,
            idempotency_key=self.key,
            request_digest=self.digest,
        )
