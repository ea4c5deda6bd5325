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
        password = (self.git_token or "").rpartition(":")[2]
        return [secret for secret in (self.git_token, password, self.deploy_key) if secret]


async def open_credentials(uow: UnitOfWork, cipher: Cipher, project: Project) -> Credentials:
    """Return what opens the project's repository."""
    key = await uow.deploy_keys.find(project)
    private_key = None if key is None else key.private_key
    return Credentials(
        git_token=open_git_token(cipher, project),
        deploy_key=_opened(cipher, private_key, DeployKey.context_of(project.id)),
    )


def open_git_token(cipher: Cipher, project: Project) -> str | None:
    """Return the token for https, or None where there is none."""
    return _opened(cipher, project.git_token, project.secret_context)


def _opened(cipher: Cipher, encrypted: Encrypted | None, context: str) -> str | None:
    return None if encrypted is None else cipher.decrypt(encrypted, context=context)
