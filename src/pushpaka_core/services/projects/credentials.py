"""Decrypts the credentials for the Git repository or the image of a project."""

from collections.abc import Sequence

from attrs import field, frozen

from pushpaka_core.domain.projects.images import RegistryCredentials
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import DecryptionError, SourceError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.source import SourceRequest
from pushpaka_core.ports.storage.storage import UnitOfWork


@frozen(kw_only=True)
class RepositoryCredentials:
    """The decrypted credentials of a repository or an image, for a single deployment."""

    git_token: str | None = field(repr=False)
    """
    The token for HTTPS. None if the project has none, or if the token was set for another server.
    """
    deploy_key: str | None = field(repr=False)
    """The private key for SSH, or None."""
    is_token_for_other_server: bool = False
    """Whether the project's token was set for a server other than the repository's."""
    for_registry: RegistryCredentials | None = None
    """The credentials for the registry of the project's image, or None."""

    @property
    def secrets(self) -> Sequence[str]:
        """Return the secrets to mask in logs, including the password part of the token."""
        password = (self.git_token or "").rpartition(":")[2]
        registry_password = self.for_registry.password if self.for_registry else None
        secrets = (self.git_token, password, self.deploy_key, registry_password)
        return [secret for secret in secrets if secret]

    def source_request(
        self, project: Project, *, branch: str, commit_sha: str | None
    ) -> SourceRequest:
        """
        Return the request that fetches a commit of *project*.

        Args:
            project: The project that the credentials belong to.
            branch: The branch to fetch.
            commit_sha: The commit to fetch. None fetches the newest commit of the branch.

        Raises:
            SourceError: If the project has no repository, or its token was set for another server
                and must not be sent to this one.
        """
        if project.image is not None:
            raise SourceError(
                f"The project deploys the image {project.image}, which is not built and has no "
                "plan. Deploy it to see how it is run."
            )
        if not project.has_repository:
            raise SourceError(
                "The project has no Git repository. Deploy a local folder with "
                "`pushpaka deploy --local`, or set repo_url."
            )
        if self.is_token_for_other_server:
            raise SourceError(
                "The Git token was set for a different server than the one in the repository URL. "
                "Set git_token again if this server may receive it."
            )
        return SourceRequest(
            repo_url=project.repo_url,
            branch=branch,
            commit_sha=commit_sha,
            git_token=self.git_token,
            deploy_key=self.deploy_key,
            project_id=project.id,
        )


async def decrypt_credentials(
    uow: UnitOfWork, cipher: SecretCipher, project: Project
) -> RepositoryCredentials:
    """
    Return the decrypted credentials of the project's repository or image.

    Raises:
        PlatformFaultError: If a secret cannot be decrypted.
    """
    key = await uow.deploy_keys.find(project)
    token = decrypt_git_token(cipher, project)
    registry = _decrypt(cipher, project.registry_credentials, project.registry_context)
    return RepositoryCredentials(
        git_token=token,
        deploy_key=None
        if key is None
        else cipher.decrypt(key.private_key, context=key.secret_context),
        is_token_for_other_server=token is None and project.git_token is not None,
        for_registry=RegistryCredentials.of(registry) if registry else None,
    )


def decrypt_git_token(cipher: SecretCipher, project: Project) -> str | None:
    """
    Return the decrypted Git token, or None if there is none for the repository's server.

    The token is encrypted together with the server, so it cannot be decrypted for another one.
    """
    return _decrypt(cipher, project.git_token, project.secret_context)


def _decrypt(cipher: SecretCipher, secret: Encrypted | None, context: str) -> str | None:
    if secret is None:
        return None
    try:
        return cipher.decrypt(secret, context=context)
    except DecryptionError:
        return None
