"""Key pairs for ssh, by the cryptography library."""

from attrs import frozen

from pushpaka_core.domain.deploy_keys import KeyPair


@frozen
class Ed25519KeyMaker:
    """Makes the kind of key that every forge takes, and whose making takes no time."""

    def make(self, comment: str, /) -> KeyPair:
        """Return a new pair."""
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
