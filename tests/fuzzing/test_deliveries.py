"""What comes to a webhook: from its forge and read, or refused, and never read before that."""

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.deliveries import Delivery, branch_deleted, ping, proposal, push, tag_pushed
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import nearly, nearly_bytes, nearly_header, nearly_json

from pushpaka_core.domain.forges.dialects import Dialect
from pushpaka_core.domain.forges.events import BranchPushed, Ignored, ProposalPushed
from pushpaka_core.domain.repository_names import check_branch, check_commit_sha
from pushpaka_core.domain.webhooks import DIALECTS, Forge
from pushpaka_core.errors import InvalidInputError

SECRET = "a secret of the webhook"
MOST_SECONDS = 0.5
OF_PROPOSALS = {
    Forge.GITHUB: ("opened", "synchronize", "closed"),
    Forge.GITEA: ("opened", "synchronized", "closed"),
    Forge.GITLAB: ("open", "update", "close"),
    Forge.BITBUCKET: ("created", "updated", "rejected"),
}
DELIVERIES = tuple(
    delivery
    for forge in Forge
    for delivery in (
        push(forge),
        tag_pushed(forge),
        branch_deleted(forge, "next"),
        ping(forge),
        *(proposal(forge, action, of_fork=True) for action in OF_PROPOSALS[forge]),
    )
)
deliveries = st.sampled_from(DELIVERIES)


def require_sound(dialect: Dialect, event: str, body: bytes) -> None:
    """Require that a body is refused by naming its part, or told of in terms that can be used."""
    headers = {dialect.event_header: event}
    events = outcome(lambda: dialect.events(headers, body), InvalidInputError, within=MOST_SECONDS)
    if isinstance(events, Refusal):
        return
    for told in events:
        if not isinstance(told, Ignored):
            check_branch(told.branch)
        if isinstance(told, BranchPushed | ProposalPushed):
            check_commit_sha(told.commit_sha)


@bounded
@given(st.data(), deliveries)
def test_a_payload_tells_of_what_can_be_deployed_or_is_refused(
    data: st.DataObject, delivery: Delivery
) -> None:
    """Whatever a payload holds in the place of something else, it is read as its forge or not."""
    payload = data.draw(nearly_json([delivery.payload]))

    require_sound(DIALECTS[delivery.forge], delivery.event, json.dumps(payload).encode())


@bounded
@given(st.data(), deliveries)
def test_bytes_that_are_no_payload_any_more_are_refused(
    data: st.DataObject, delivery: Delivery
) -> None:
    """So it is where JSON is broken, or the name of the event is another."""
    body = data.draw(nearly_bytes([delivery.body]))
    event = data.draw(nearly([delivery.event]))

    require_sound(DIALECTS[delivery.forge], event, body)


@bounded
@given(st.data(), deliveries)
def test_only_what_was_signed_is_authentic(data: st.DataObject, delivery: Delivery) -> None:
    """A changed proof proves nothing, nor does the right one of another body that is signed."""
    dialect = DIALECTS[delivery.forge]
    headers = {name.lower(): value for name, value in delivery.headers(SECRET).items()}
    proof = headers[dialect.proof_header]
    other_proof = data.draw(nearly_header([proof]))
    other_body = data.draw(nearly_bytes([delivery.body]))

    assert dialect.is_authentic(headers, delivery.body, SECRET)
    changed = headers | {dialect.proof_header: other_proof}
    assert dialect.is_authentic(changed, delivery.body, SECRET) is (proof == other_proof)
    if delivery.forge is not Forge.GITLAB:
        is_same = other_body == delivery.body
        assert dialect.is_authentic(headers, other_body, SECRET) is is_same


@bounded
@given(st.data(), deliveries)
def test_a_delivery_is_known_again_by_its_name(data: st.DataObject, delivery: Delivery) -> None:
    """The digest of a delivery is the same whenever it comes, and that of no other."""
    dialect = DIALECTS[delivery.forge]
    headers = {name.lower(): value for name, value in delivery.headers(SECRET).items()}
    named_by = next(name for name in dialect.delivery_headers if name in headers)
    other_name = data.draw(nearly_header([headers[named_by]]).filter(bool))
    other = headers | {named_by: other_name}

    digests = [dialect.delivery(each, delivery.body) for each in (headers, headers, other)]

    assert digests[0] == digests[1]
    assert (digests[0] == digests[2]) is (headers[named_by] == other_name)
