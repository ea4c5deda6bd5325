"""How deploy keys look."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.projects import ProjectId


@frozen(kw_only=True, slots=False)
class DeployKeyResponse:
    """The public half of a project's ssh key, for its forge; the private half is never shown."""

    project_id: ProjectId
    public_key: str
    fingerprint: str
    created_at: datetime

    @classmethod
    def of(cls, key: DeployKey) -> Self:
        """Show *key*."""
        return cls(
            project_id=key.project_id,
            public_key=key.public_key,
            fingerprint=key.fingerprint,
            created_at=key.created_at,
        )
