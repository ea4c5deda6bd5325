"""What opens the repository of a project."""

from collections.abc import Sequence

from attrs import field, frozen

from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import BrokenSealError, SourceError
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.source import SourceRequest
from pushpaka_core.ports.storage import UnitOfWork


@frozen(kw_only=True)
class Credentials:
    """The secrets of a repository, each None where it needs none; opened for one fetch."""

    git_token: str | None = field(repr=False)
    """For https."""
    deploy_key: str | None = field(repr=False)
    """For ssh."""
    is_token_foreign: bool = False
    """Whether there is a token, but for another server than that of the repository."""

    @property
    def secrets(self) -> Sequence[str]:
        """Return what nobody may see."""
        password = (self.git_token or "").rpartition(":")[2]
        return [secret for secret in (self.git_token, password, self.deploy_key) if secret]

    def request(self, project: Project, *, branch: str, commit_sha: str | None) -> SourceRequest:
        """
        Return how a commit of the project is asked for.

        Raises:
            SourceError: If it has no repository, or its token is for another server, which
                alone may see it.
        """
        if not project.has_repository:
            raise SourceError(
                "The project has no Git repository. Send its folder by `pushpaka deploy --local`, "
                "or set its repo_url."
            )
        if self.is_token_foreign:
            raise SourceError(
                "The git token was given for another server than the repository URL names. Set "
                "git_token again, if this server may see it."
            )
        return SourceRequest(
            repo_url=project.repo_url,
            branch=branch,
            commit_sha=commit_sha,
            git_token=self.git_token,
            deploy_key=self.deploy_key,
            project_id=project.id,
        )


async def open_credentials(uow: UnitOfWork, cipher: Cipher, project: Project) -> Credentials:
    """Return what opens the project's repository."""
    key = await uow.deploy_keys.find(project)
    token = open_git_token(cipher, project)
    return Credentials(
        git_token=token,
        deploy_key=None
        if key is None
        else cipher.decrypt(key.private_key, context=key.secret_context),
        is_token_foreign=token is None and project.git_token is not None,
    )


def open_git_token(cipher: Cipher, project: Project) -> str | None:
    """Return the token for https, or None where there is none for the project's server."""
    if project.git_token is None:
        return None
    try:
        return opened(cipher, project.git_token, project.secret_context, project.earlier_context)
    except BrokenSealError:
        return None


def opened(cipher: Cipher, encrypted: Encrypted, context: str, *earlier: str) -> str:
    """
    Return the secret that is bound to *context*, or to one of the *earlier* forms of that.

    Raises:
        BrokenSealError: If it is bound to none of them.
        PlatformFaultError: If its key is gone.
    """
    try:
        return cipher.decrypt(encrypted, context=context)
    except BrokenSealError:
        if not earlier:
            raise
        return opened(cipher, encrypted, *earlier)
