"""Encrypted secrets."""

from attrs import field, frozen


@frozen(kw_only=True)
class Encrypted:
    """A ciphertext, and the id of the key that decrypts it."""

    key_id: str
    ciphertext: bytes = field(repr=False)
