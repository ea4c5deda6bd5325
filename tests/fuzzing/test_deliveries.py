"""Mutated webhook deliveries are parsed or refused."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import mutated, mutated_bytes, mutated_header, mutated_json
from tests.webhook_deliveries import (
    GIT_PROVIDERS,
    Delivery,
    branch_deleted,
    ping,
    pull_request,
    push,
    tag_pushed,
)

from pushpaka_core.domain.integrations.git_providers.events import (
    BranchPushed,
    IgnoredEvent,
    ImagePushed,
    PullRequestUpdated,
)
from pushpaka_core.domain.integrations.git_providers.provider_apis import ProviderApi
from pushpaka_core.domain.integrations.webhooks import PROVIDER_APIS, GitProvider
from pushpaka_core.domain.projects.repository_urls import check_branch, check_commit_sha
from pushpaka_core.errors import InvalidInputError

SECRET = "a secret of the webhook"
OF_PROPOSALS = {
    GitProvider.GITHUB: ("opened", "synchronize", "closed"),
    GitProvider.GITEA: ("opened", "synchronized", "closed"),
    GitProvider.GITLAB: ("open", "update", "close"),
    GitProvider.BITBUCKET: ("created", "updated", "rejected"),
}
DELIVERIES = tuple(
    delivery
    for provider in GIT_PROVIDERS
    for delivery in (
        push(provider),
        tag_pushed(provider),
        branch_deleted(provider, "next"),
        ping(provider),
        *(pull_request(provider, action, of_fork=True) for action in OF_PROPOSALS[provider]),
    )
)
deliveries = st.sampled_from(DELIVERIES)


def require_valid_or_refused(provider_api: ProviderApi, event: str, body: bytes) -> None:
    """Require that *body* is refused with a documented error, or has only valid events."""
    headers = {provider_api.event_header: event}
    found = outcome(lambda: provider_api.message(headers, body), InvalidInputError)
    if isinstance(found, Refusal):
        return
    found.repository.is_at("https://git.example.com/ann/app")
    for each in found.events:
        if not isinstance(each, IgnoredEvent | ImagePushed):
            check_branch(each.branch)
        if isinstance(each, BranchPushed | PullRequestUpdated):
            check_commit_sha(each.commit_sha)


@bounded
@given(st.data(), deliveries)
def test_a_changed_payload_is_deployable_or_refused(
    data: st.DataObject, delivery: Delivery
) -> None:
    payload = data.draw(mutated_json([delivery.payload]))

    require_valid_or_refused(
        PROVIDER_APIS[delivery.git_provider], delivery.event, json.dumps(payload).encode()
    )


@bounded
@given(st.data(), deliveries)
def test_damaged_bytes_are_deployable_or_refused(data: st.DataObject, delivery: Delivery) -> None:
    body = data.draw(mutated_bytes([delivery.body]))
    event = data.draw(mutated([delivery.event]))

    require_valid_or_refused(PROVIDER_APIS[delivery.git_provider], event, body)


@bounded
@given(st.data(), deliveries)
def test_only_signed_bytes_are_authentic(data: st.DataObject, delivery: Delivery) -> None:
    dialect = PROVIDER_APIS[delivery.git_provider]
    headers = {name.lower(): value for name, value in delivery.headers(SECRET).items()}
    proof = headers[dialect.signature_header]
    other_proof = data.draw(mutated_header([proof]))
    other_body = data.draw(mutated_bytes([delivery.body]))

    assert dialect.is_authentic(headers, delivery.body, SECRET)
    changed = headers | {dialect.signature_header: other_proof}
    assert dialect.is_authentic(changed, delivery.body, SECRET) is (proof == other_proof)
    if delivery.git_provider is not GitProvider.GITLAB:
        is_same = other_body == delivery.body
        assert dialect.is_authentic(headers, other_body, SECRET) is is_same
