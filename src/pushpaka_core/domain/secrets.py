"""Secrets at rest: what the database holds of them."""

from attrs import field, frozen


@frozen(kw_only=True)
class Encrypted:
    """A ciphertext, with the id of the key that opens it."""

    key_id: str
    ciphertext: bytes = field(repr=False)
