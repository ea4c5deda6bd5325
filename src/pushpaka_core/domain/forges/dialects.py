"""How forges differ: what proves who sent a delivery, what names it, and how it is read."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

from attrs import frozen

from pushpaka_core.domain.forges.events import ForgeEvent, usable
from pushpaka_core.domain.forges.payloads import Payload
from pushpaka_core.domain.forges.statuses import StatusCall

Headers: TypeAlias = Mapping[str, str]
"""By their names in lower case."""


@frozen(kw_only=True)
class Dialect:
    """How one kind of forge speaks."""

    event_header: str
    delivery_headers: Sequence[str]
    """The first that is there tells one delivery from another, and is the same when it is sent
    again."""
    proof_header: str
    prove: Callable[[str, bytes], str]
    """Returns what the header has to say, by the secret and the body."""
    read: Callable[[str, Payload], Sequence[ForgeEvent]]
    report: StatusCall

    def is_authentic(self, headers: Headers, body: bytes, secret: str) -> bool:
        """Tell whether who knows *secret* has sent *body*; takes as long whatever is wrong."""
        shown = headers.get(self.proof_header, "")
        return hmac.compare_digest(
            shown.encode(errors="surrogateescape"), self.prove(secret, body).encode()
        )

    def delivery(self, headers: Headers, body: bytes) -> str:
        """Return a digest that another delivery does not have, and a repeated one has again."""
        names = (headers[name] for name in self.delivery_headers if headers.get(name))
        named = next(names, None)
        told = body if named is None else named.encode(errors="surrogateescape")
        return sha256(told).hexdigest()

    def events(self, headers: Headers, body: bytes) -> Sequence[ForgeEvent]:
        """
        Return what an authentic delivery tells of.

        Raises:
            InvalidInputError: If it is not what the forge documents.
        """
        payload = Payload.read(body)
        return [usable(event) for event in self.read(headers.get(self.event_header, ""), payload)]


def signature(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of *body* in hex digits."""
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def prefixed_signature(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of *body* with the name of the method before it."""
    return f"sha256={signature(secret, body)}"


def token(secret: str, _: bytes) -> str:
    """Return the secret itself, where a forge sends that."""
    return secret
