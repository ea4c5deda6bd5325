"""SSH key pairs."""

from attrs import frozen

from pushpaka_core.domain.projects.deploy_keys import KeyPair


@frozen
class Ed25519KeyPairGenerator:
    """Generates Ed25519 keys. All Git providers accept them, and they are fast to generate."""

    def generate(self, comment: str, /) -> KeyPair:
        """Return a new key pair with *comment*."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            PublicFormat,
        )

        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        return KeyPair(public_key=f"{public.decode()} {comment}", private_key=private.decode())
