"""Deploy keys: SSH key pairs that give read access to the repository of one project."""

from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256

from attrs import field, frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.secrets import Encrypted


@frozen(kw_only=True)
class KeyPair:
    """A newly generated SSH key pair."""

    public_key: str
    """The public key as one line in OpenSSH format: type, key and comment."""
    private_key: str = field(repr=False)
    """The private key in OpenSSH format, without a passphrase."""


@frozen(kw_only=True)
class DeployKey:
    """The SSH key pair of a project. A project has at most one."""

    project_id: ProjectId
    public_key: str
    private_key: Encrypted
    created_at: datetime

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the public key in the format that Git providers display."""
        return fingerprint_of(self.public_key)

    @property
    def secret_context(self) -> str:
        """Return the encryption context, which binds the encrypted private key to this project."""
        return self.context_of(self.project_id)

    @staticmethod
    def context_of(id: ProjectId) -> str:
        """Return the encryption context of the private key of project *id*."""
        return f"deploy_keys:{id}"


def fingerprint_of(public_key: str) -> str:
    """Return the SHA-256 fingerprint of an OpenSSH public key, as `ssh-keygen -l` prints it."""
    blob = b64decode(public_key.split()[1])
    return f"SHA256:{b64encode(sha256(blob).digest()).decode().rstrip('=')}"
