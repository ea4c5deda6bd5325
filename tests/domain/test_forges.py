"""What forges send is understood, proven to be theirs, and never a fault of ours."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.deliveries import (
    AFTER,
    NOTHING,
    Delivery,
    branch_deleted,
    ping,
    proposal,
    push,
    tag_pushed,
)

from pushpaka_core.domain.forges.events import (
    PING,
    TAG,
    BranchDeleted,
    BranchPushed,
    ForgeEvent,
    Ignored,
    ProposalClosed,
    ProposalPushed,
    asks_to_be_skipped,
    is_watched,
)
from pushpaka_core.domain.webhooks import DIALECTS, Forge
from pushpaka_core.errors import InvalidInputError

SECRET = "s3cret"
PATHS = frozenset({"src/new.py", "README.md"})

every_forge = pytest.mark.parametrize("forge", Forge)


def events_of(delivery: Delivery) -> list[ForgeEvent]:
    """Return what the forge's dialect makes of a delivery."""
    headers = {name.lower(): value for name, value in delivery.headers(SECRET).items()}
    return list(DIALECTS[delivery.forge].events(headers, delivery.body))


def event_of(delivery: Delivery) -> ForgeEvent:
    """Return the one thing that a delivery tells of."""
    (event,) = events_of(delivery)
    return event


class TestPushes:
    @every_forge
    def test_a_push_names_branch_and_commit(self, forge: Forge) -> None:
        """The commit is the newest one; which files it changes is told by all but Bitbucket."""
        assert BranchPushed(
            branch="feature/login",
            commit_sha=AFTER,
            message="Say hello",
            paths=None if forge is Forge.BITBUCKET else PATHS,
        ) == event_of(push(forge, "feature/login"))

    @every_forge
    def test_what_a_new_branch_changes_is_not_known(self, forge: Forge) -> None:
        """There is nothing before it to compare it with."""
        event = event_of(push(forge, "next", before=NOTHING))

        assert isinstance(event, BranchPushed)
        assert event.paths is None

    @pytest.mark.parametrize(
        ("forge", "counter"),
        [(Forge.GITLAB, "total_commits_count"), (Forge.GITEA, "total_commits")],
    )
    def test_what_a_shortened_list_changes_is_not_known(self, forge: Forge, counter: str) -> None:
        """A forge that tells of some commits only has not told of all files."""
        delivery = push(forge)
        delivery.payload[counter] = 21

        event = event_of(delivery)

        assert isinstance(event, BranchPushed)
        assert event.paths is None

    def test_what_a_forced_push_changes_is_not_known(self) -> None:
        """What it takes away is not among its commits."""
        delivery = push(Forge.GITHUB)
        delivery.payload["forced"] = True

        event = event_of(delivery)

        assert isinstance(event, BranchPushed)
        assert event.paths is None

    def test_all_that_bitbucket_tells_at_once_counts(self) -> None:
        """One delivery may be about several branches."""
        delivery, other = push(Forge.BITBUCKET), push(Forge.BITBUCKET, "next", NOTHING)
        delivery.payload["push"]["changes"] += other.payload["push"]["changes"]

        pushed, deleted = events_of(delivery)

        assert isinstance(pushed, BranchPushed)
        assert BranchDeleted(branch="next") == deleted

    @every_forge
    def test_a_branch_may_be_deleted(self, forge: Forge) -> None:
        """Each forge has its own way to say so."""
        assert BranchDeleted(branch="next") == event_of(branch_deleted(forge, "next"))

    def test_gitea_may_tell_of_a_deletion_as_of_a_push(self) -> None:
        """Its push to nothing is one."""
        assert BranchDeleted(branch="next") == event_of(push(Forge.GITEA, "next", NOTHING))

    @every_forge
    def test_tags_are_passed_over(self, forge: Forge) -> None:
        """They are ignored, whatever they are called."""
        assert TAG == event_of(tag_pushed(forge))

    @every_forge
    def test_a_branch_that_cannot_be_deployed_is_passed_over(self, forge: Forge) -> None:
        """Names that the platform refuses are told of, and are no mistake of the forge."""
        event = event_of(push(forge, "fix(login)"))

        assert isinstance(event, Ignored)
        assert "cannot be deployed" in event.reason


class TestProposals:
    @pytest.mark.parametrize(
        ("forge", "action"),
        [
            (Forge.GITHUB, "opened"),
            (Forge.GITHUB, "synchronize"),
            (Forge.GITHUB, "reopened"),
            (Forge.GITEA, "opened"),
            (Forge.GITEA, "synchronized"),
            (Forge.GITLAB, "open"),
            (Forge.GITLAB, "update"),
            (Forge.GITLAB, "reopen"),
            (Forge.BITBUCKET, "created"),
            (Forge.BITBUCKET, "updated"),
        ],
    )
    @pytest.mark.parametrize("of_fork", [False, True])
    def test_new_commits_are_told_with_where_they_are_from(
        self, forge: Forge, action: str, *, of_fork: bool
    ) -> None:
        """A fork is known by its repository."""
        event = event_of(proposal(forge, action, of_fork=of_fork))

        assert isinstance(event, ProposalPushed)
        assert (7, "next", of_fork) == (event.number, event.branch, event.is_of_fork)
        assert event.is_opened == (
            action not in {"synchronize", "synchronized", "update", "updated"}
        )
        assert event.commit_sha == (AFTER[:12] if forge is Forge.BITBUCKET else AFTER)

    @pytest.mark.parametrize(
        ("forge", "action"),
        [
            (Forge.GITHUB, "closed"),
            (Forge.GITEA, "closed"),
            (Forge.GITLAB, "close"),
            (Forge.GITLAB, "merge"),
            (Forge.BITBUCKET, "fulfilled"),
            (Forge.BITBUCKET, "rejected"),
        ],
    )
    def test_the_end_of_one_is_told(self, forge: Forge, action: str) -> None:
        """Merged or turned down: either ends it."""
        expected = ProposalClosed(number=7, branch="next", is_of_fork=False)

        assert expected == event_of(proposal(forge, action))

    @pytest.mark.parametrize(
        ("forge", "action"),
        [
            (Forge.GITHUB, "labeled"),
            (Forge.GITEA, "edited"),
            (Forge.GITLAB, "relabel"),
            (Forge.GITLAB, "approved"),
            (Forge.BITBUCKET, "comment_created"),
        ],
    )
    def test_what_brings_no_commits_is_passed_over(self, forge: Forge, action: str) -> None:
        """Labels and comments deploy nothing."""
        assert isinstance(event_of(proposal(forge, action)), Ignored)

    @pytest.mark.parametrize("forge", Forge)
    def test_a_fork_that_is_gone_is_still_one(self, forge: Forge) -> None:
        """A deleted repository is not taken for the project's own."""
        delivery = proposal(forge, _CLOSED[forge])
        match forge:
            case Forge.GITLAB:
                delivery.payload["object_attributes"]["source_project_id"] = None
            case Forge.BITBUCKET:
                delivery.payload["pullrequest"]["source"]["repository"] = None
            case Forge.GITEA:
                gone = {"ref": "refs/pull/7/head", "repo_id": -1, "repo": None}
                delivery.payload["pull_request"]["head"] |= gone
            case _:
                delivery.payload["pull_request"]["head"]["repo"] = None

        event = event_of(delivery)

        assert isinstance(event, ProposalClosed)
        assert event.is_of_fork

    def test_gitea_names_a_branch_that_is_gone_by_its_label(self) -> None:
        """As it is after a merge that has deleted it: the preview has to end all the same."""
        delivery = proposal(Forge.GITEA, "closed")
        delivery.payload["pull_request"]["head"]["ref"] = "refs/pull/7/head"

        assert ProposalClosed(number=7, branch="next", is_of_fork=False) == event_of(delivery)

    def test_what_is_on_no_branch_is_passed_over(self) -> None:
        """Gitea lets everybody who can read propose such commits, as if they were of no fork."""
        delivery = proposal(Forge.GITEA, "opened")
        delivery.payload["pull_request"]["head"] |= {"ref": "refs/pull/7/head", "label": ""}

        assert isinstance(event_of(delivery), Ignored)


@pytest.mark.parametrize("forge", [Forge.GITHUB, Forge.BITBUCKET])
def test_a_ping_is_answered(forge: Forge) -> None:
    """Whoever sets a webhook up sees that it works."""
    assert PING == event_of(ping(forge))


@every_forge
def test_what_is_not_known_is_passed_over(forge: Forge) -> None:
    """An event of another kind is named in the answer."""
    event = event_of(Delivery(forge=forge, event="star", payload={"a": 1}))

    assert Ignored(reason="Nothing follows from star.") == event


class TestProofs:
    @every_forge
    def test_only_the_secret_proves_a_delivery(self, forge: Forge) -> None:
        """Another secret, another body, and the headers of other forges prove nothing."""
        delivery, dialect = push(forge), DIALECTS[forge]
        told = {name.lower(): value for name, value in delivery.headers(SECRET).items()}
        others = [
            evolve(delivery, forge=other).headers(SECRET) for other in Forge if other != forge
        ]
        foreign = [{name.lower(): value for name, value in headers.items()} for headers in others]

        assert dialect.is_authentic(told, delivery.body, SECRET)
        assert not dialect.is_authentic(told, delivery.body, "another")
        assert not dialect.is_authentic({}, delivery.body, SECRET)
        assert not any(dialect.is_authentic(each, delivery.body, SECRET) for each in foreign)

    @pytest.mark.parametrize("forge", [Forge.GITHUB, Forge.GITEA, Forge.BITBUCKET])
    def test_a_signature_is_that_of_the_raw_body(self, forge: Forge) -> None:
        """A body with a blank more is another one."""
        delivery, dialect = push(forge), DIALECTS[forge]
        told = {name.lower(): value for name, value in delivery.headers(SECRET).items()}

        assert not dialect.is_authentic(told, delivery.body + b" ", SECRET)

    @every_forge
    def test_a_proof_may_be_anything(self, forge: Forge) -> None:
        """Letters that no signature has are wrong, and no fault."""
        dialect = DIALECTS[forge]

        assert not dialect.is_authentic({dialect.proof_header: "\xff\udce9"}, b"", SECRET)

    @every_forge
    def test_a_delivery_is_known_again(self, forge: Forge) -> None:
        """By its id, or by its body where a forge gives none."""
        dialect, first, second = DIALECTS[forge], push(forge), push(forge)
        told = {name.lower(): value for name, value in first.headers(SECRET).items()}
        again = {name.lower(): value for name, value in second.headers(SECRET).items()}

        assert dialect.delivery(told, b"1") == dialect.delivery(told, b"2")
        assert dialect.delivery(told, b"1") != dialect.delivery(again, b"1")
        assert dialect.delivery({}, b"1") == dialect.delivery({}, b"1")
        assert dialect.delivery({}, b"1") != dialect.delivery({}, b"2")


@pytest.mark.parametrize(
    ("message", "is_skipped"),
    [
        ("[skip ci] Say hello", True),
        ("Say hello [CI SKIP]", True),
        ("Say hello\n\n[no ci]", True),
        ("[skip actions]", True),
        ("[skip deploy]", True),
        ("Say hello\n\nskip-checks: true", True),
        ("Explain why skip ci is not enough", False),
        ("", False),
    ],
)
def test_a_commit_may_ask_to_be_skipped(message: str, *, is_skipped: bool) -> None:
    """The words are those that CI services know."""
    assert is_skipped == asks_to_be_skipped(message)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("src/**", "src/a/b.py", True),
        ("src/*", "src/b.py", True),
        ("src/*", "lib/b.py", False),
        ("src/*.py", "src/a/b.py", False),
        ("**/*.py", "b.py", True),
        ("**/*.py", "src/a/b.py", True),
        ("src", "src/b.py", True),
        ("src", "srcs/b.py", False),
        ("src/", "src/b.py", True),
        ("a?c", "abc", True),
        ("a.c", "abc", False),
    ],
)
def test_patterns_are_about_paths(pattern: str, path: str, *, fits: bool) -> None:
    """They mean what they mean to shells, and a directory all that is in it."""
    assert fits == is_watched([path], [pattern])


def test_no_patterns_watch_everything() -> None:
    """Who says nothing wants every change."""
    assert is_watched(["a"], [])
    assert is_watched([], [])
    assert not is_watched([], ["a"])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(AFTER),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_OPENED = {
    Forge.GITHUB: "opened",
    Forge.GITEA: "opened",
    Forge.GITLAB: "open",
    Forge.BITBUCKET: "created",
}
_CLOSED = {
    Forge.GITHUB: "closed",
    Forge.GITEA: "closed",
    Forge.GITLAB: "close",
    Forge.BITBUCKET: "rejected",
}
MAKERS: list[Callable[[Forge], Delivery]] = [
    push,
    tag_pushed,
    lambda forge: branch_deleted(forge, "next"),
    lambda forge: proposal(forge, _OPENED[forge]),
    lambda forge: proposal(forge, _CLOSED[forge]),
]


def places_in(value: Any, *path: Any) -> list[tuple[Any, ...]]:
    """Return where there is something in *value*, at any depth."""
    inner = dict(enumerate(value)) if isinstance(value, list) else value
    if not isinstance(inner, dict):
        return []
    return [
        place
        for key, each in inner.items()
        for place in [(*path, key), *places_in(each, *path, key)]
    ]


def understood(dialect_of: Forge, event: str, body: bytes) -> bool:
    """Tell whether a body is understood; whatever is raised else than our own error comes out."""
    dialect = DIALECTS[dialect_of]
    try:
        events = dialect.events({dialect.event_header: event}, body)
    except InvalidInputError:
        return False
    return len(events) > 0


@given(st.data())
def test_a_broken_payload_is_an_event_or_our_own_error(data: st.DataObject) -> None:
    """Whatever is put in the place of whatever part, or taken away, nothing else comes of it."""
    delivery = data.draw(st.sampled_from(MAKERS))(data.draw(st.sampled_from(Forge)))
    assert understood(delivery.forge, delivery.event, delivery.body)
    broken = json.loads(delivery.body)
    *path, last = data.draw(st.sampled_from(places_in(broken)))
    spot = broken
    for key in path:
        spot = spot[key]
    if data.draw(st.booleans()):
        del spot[last]
    else:
        spot[last] = data.draw(values)

    understood(delivery.forge, delivery.event, json.dumps(broken).encode())


@given(st.sampled_from(Forge), st.text(max_size=30), st.binary() | values.map(json.dumps))
def test_any_body_is_an_event_or_our_own_error(forge: Forge, event: str, body: bytes | str) -> None:
    """What is no payload at all is told of as well."""
    for name in (event, push(forge).event, proposal(forge, _OPENED[forge]).event):
        understood(forge, name, body.encode() if isinstance(body, str) else body)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"[" * 100_000, b'{"a":' * 100_000, b"payload=%7B%7D", b"\xff\xfe", b"9" * 5000],
)
def test_what_is_no_object_is_told_of(body: bytes) -> None:
    """A form, the usual content type of some forges, is answered with what to choose."""
    with pytest.raises(InvalidInputError, match="application/json"):
        DIALECTS[Forge.GITHUB].events({"x-github-event": "push"}, body)


def test_a_wrong_part_is_named() -> None:
    """Whoever looks at the answer finds the part."""
    delivery = push(Forge.BITBUCKET)
    delivery.payload["push"]["changes"][0]["new"]["target"]["hash"] = "HEAD~1"

    with pytest.raises(InvalidInputError) as refusal:
        event_of(delivery)

    assert ["push.changes.0.new.target.hash"] == list(refusal.value.problems)
