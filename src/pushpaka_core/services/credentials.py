"""What opens the repository of a project."""

from collections.abc import Sequence

from attrs import field, frozen

from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import UnitOfWork


@frozen(kw_only=True)
class Credentials:
    """The secrets of a repository, each None where it needs none; opened for one fetch."""

    git_token: str | None = field(repr=False)
    """For https."""
    deploy_key: str | None = field(repr=False)
    """For ssh."""

    @property
    def secrets(self) -> Sequence[str]:
        """Return what nobody may see."""
        return [secret for secret in (self.git_token, self.deploy_key) if secret]


async def open_credentials(uow: UnitOfWork, cipher: Cipher, project: Project) -> Credentials:
    """Return what opens the project's repository."""
    key = await uow.deploy_keys.find(project.id)

    def opened(encrypted: Encrypted | None, context: str) -> str | None:
        return None if encrypted is None else cipher.decrypt(encrypted, context=context)

    return Credentials(
        git_token=opened(project.git_token, project.secret_context),
        deploy_key=opened(key.private_key if key else None, DeployKey.context_of(project.id)),
    )
