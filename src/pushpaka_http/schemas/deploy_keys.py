"""Response bodies for deploy keys."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_http.schemas.conversions import from_attributes


@frozen(kw_only=True, slots=False)
class DeployKeyResponse:
    """The public key of a project's deploy key. The private key is never returned."""

    project_id: ProjectId
    """Id of the project."""
    public_key: str
    """Public key in OpenSSH format. Add it to the repository."""
    fingerprint: str
    """SHA-256 fingerprint of the public key, as OpenSSH prints it."""
    created_at: datetime
    """When the deploy key was created."""

    @classmethod
    def of(cls, key: DeployKey) -> Self:
        """Return the response for *key*."""
        return from_attributes(cls, key)
