"""Deploy keys: what opens a project's repository over ssh, and nothing else."""

from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256

from attrs import field, frozen

from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.secrets import Encrypted


@frozen(kw_only=True)
class KeyPair:
    """An ssh key pair that was just made."""

    public_key: str
    """One line as OpenSSH writes it: kind, key and comment."""
    private_key: str = field(repr=False)
    """As OpenSSH keeps it in a file, without a passphrase."""


@frozen(kw_only=True)
class DeployKey:
    """The ssh key pair of a project, which has one at most."""

    project_id: ProjectId
    public_key: str
    private_key: Encrypted
    created_at: datetime

    @property
    def fingerprint(self) -> str:
        """Return what forges show of the public half."""
        return fingerprint_of(self.public_key)

    @property
    def secret_context(self) -> str:
        """Return what the ciphertext of the private half is bound to."""
        return self.context_of(self.project_id)

    @staticmethod
    def context_of(id: ProjectId) -> str:
        """Return what the ciphertext of the key of project *id* is bound to."""
        return f"deploy_keys:{id}"


def fingerprint_of(public_key: str) -> str:
    """Return the fingerprint of a key as OpenSSH writes it, from a line of kind and key."""
    blob = b64decode(public_key.split()[1])
    return f"SHA256:{b64encode(sha256(blob).digest()).decode().rstrip('=')}"
