"""Differences between senders of webhooks: authentication and format of their deliveries."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

from attrs import frozen

from pushpaka_core.domain.integrations.git_providers.events import (
    IgnoredEvent,
    ProviderEvent,
    with_valid_branch,
)
from pushpaka_core.domain.integrations.git_providers.payloads import Payload
from pushpaka_core.domain.integrations.git_providers.repositories import PayloadRepository
from pushpaka_core.domain.integrations.git_providers.statuses import BuildStatusRequest

Headers: TypeAlias = Mapping[str, str]
"""HTTP headers by their lowercase names."""


@frozen(kw_only=True)
class WebhookMessage:
    """The content of a webhook delivery."""

    repository: PayloadRepository
    events: Sequence[ProviderEvent]

    @property
    def has_no_effect(self) -> bool:
        """Return True if the delivery has no effect with any settings, for example a ping."""
        return all(isinstance(event, IgnoredEvent) for event in self.events)


@frozen(kw_only=True)
class ProviderApi:
    """The webhook format and commit status API of one kind of Git provider or registry."""

    event_header: str = ""
    """The header with the name of the event. Empty if deliveries have no event name."""
    signature_header: str = ""
    """The header that authenticates a delivery. Empty if the secret in the URL does."""
    expected_signature: Callable[[str, bytes], str]
    """A function that returns the expected value of the header, for a secret and a body."""
    parse_events: Callable[[str, Payload], Sequence[ProviderEvent]]
    """A function that returns the events of a payload with a given event name."""
    parse_repository: Callable[[Payload], PayloadRepository]
    """A function that returns the repository that a payload is about."""
    status_request: BuildStatusRequest | None = None
    """A function that builds the API call to set a commit status, or None for a registry."""

    @property
    def has_secret_in_url(self) -> bool:
        """Return True if the sender cannot sign deliveries, so that the URL contains the secret."""
        return not self.signature_header

    def is_authentic(
        self, headers: Headers, body: bytes, secret: str, *, url_secret: str = ""
    ) -> bool:
        """Return True if the sender of the delivery knows *secret*. Takes constant time."""
        shown = url_secret if self.has_secret_in_url else headers.get(self.signature_header, "")
        return hmac.compare_digest(
            shown.encode(errors="surrogateescape"), self.expected_signature(secret, body).encode()
        )

    def message(self, headers: Headers, body: bytes) -> WebhookMessage:
        """
        Return the content of an authenticated delivery.

        Raises:
            InvalidInputError: If the payload does not have the documented format.
        """
        payload = Payload.read(body)
        events = self.parse_events(headers.get(self.event_header, ""), payload)
        return WebhookMessage(
            repository=self.parse_repository(payload),
            events=[with_valid_branch(event) for event in events],
        )


def signature(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of *body* in hex digits."""
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def prefixed_signature(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of *body* in hex digits, prefixed with the name of the method."""
    return f"sha256={signature(secret, body)}"


def plain_secret(secret: str, _: bytes) -> str:
    """Return the secret itself, for Git providers that send it unhashed."""
    return secret
