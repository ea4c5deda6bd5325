"""Tests the webhook deliveries of each Git provider: events, signatures and invalid payloads."""

from typing import Any

import pytest
from attrs import evolve
from tests.webhook_deliveries import (
    AFTER,
    BEFORE,
    GIT_PROVIDERS,
    NO_COMMIT,
    Delivery,
    branch_deleted,
    ping,
    pull_request,
    push,
    tag_pushed,
)

from pushpaka_core.domain.integrations.git_providers.events import (
    PING,
    TAG,
    BranchDeleted,
    BranchPushed,
    IgnoredEvent,
    ProviderEvent,
    PullRequestClosed,
    PullRequestUpdated,
    has_skip_marker,
    is_watched,
)
from pushpaka_core.domain.integrations.webhooks import PROVIDER_APIS, GitProvider
from pushpaka_core.errors import InvalidInputError

SECRET = "s3cret"
PATHS = frozenset({"src/new.py", "README.md"})

every_git_provider = pytest.mark.parametrize("git_provider", GIT_PROVIDERS)


def events_of(delivery: Delivery) -> list[ProviderEvent]:
    """Return the events that the Git provider's dialect finds in a delivery."""
    headers = {name.lower(): value for name, value in delivery.headers(SECRET).items()}
    return list(PROVIDER_APIS[delivery.git_provider].message(headers, delivery.body).events)


def event_of(delivery: Delivery) -> ProviderEvent:
    """Return the only event of a delivery."""
    (event,) = events_of(delivery)
    return event


class TestPushes:
    @every_git_provider
    def test_push_has_branch_commit_and_paths(self, git_provider: GitProvider) -> None:
        assert BranchPushed(
            branch="feature/login",
            commit_sha=AFTER,
            message="Say hello",
            paths=None if git_provider is GitProvider.BITBUCKET else PATHS,
        ) == event_of(push(git_provider, "feature/login"))

    @pytest.mark.parametrize(
        ("git_provider", "previous_commit", "payload"),
        [
            *((git_provider, NO_COMMIT, {}) for git_provider in GIT_PROVIDERS),
            (GitProvider.GITLAB, BEFORE, {"total_commits_count": 21}),
            (GitProvider.GITEA, BEFORE, {"total_commits": 21}),
            (GitProvider.GITHUB, BEFORE, {"forced": True}),
        ],
    )
    def test_incomplete_lists_of_paths_are_ignored(
        self, git_provider: GitProvider, previous_commit: str, payload: dict[str, Any]
    ) -> None:
        """The delivery of a new branch, a forced push or many commits does not list all paths."""
        delivery = push(git_provider, "next", before=previous_commit)
        delivery.payload.update(payload)

        event = event_of(delivery)

        assert isinstance(event, BranchPushed)
        assert event.paths is None

    def test_bitbucket_push_may_have_several_events(self) -> None:
        delivery, other = (
            push(GitProvider.BITBUCKET),
            push(GitProvider.BITBUCKET, "next", NO_COMMIT),
        )
        delivery.payload["push"]["changes"] += other.payload["push"]["changes"]

        pushed, deleted = events_of(delivery)

        assert isinstance(pushed, BranchPushed)
        assert BranchDeleted(branch="next") == deleted

    @every_git_provider
    def test_deleted_branch_is_reported(self, git_provider: GitProvider) -> None:
        assert BranchDeleted(branch="next") == event_of(branch_deleted(git_provider, "next"))

    def test_gitea_may_report_a_deletion_as_a_push(self) -> None:
        assert BranchDeleted(branch="next") == event_of(push(GitProvider.GITEA, "next", NO_COMMIT))

    @every_git_provider
    def test_tags_are_ignored(self, git_provider: GitProvider) -> None:
        assert TAG == event_of(tag_pushed(git_provider))

    @every_git_provider
    def test_invalid_branch_is_ignored(self, git_provider: GitProvider) -> None:
        event = event_of(push(git_provider, "fix(login)"))

        assert isinstance(event, IgnoredEvent)
        assert "cannot be deployed" in event.reason


class TestPullRequests:
    @pytest.mark.parametrize(
        ("git_provider", "action"),
        [
            (GitProvider.GITHUB, "opened"),
            (GitProvider.GITHUB, "synchronize"),
            (GitProvider.GITHUB, "reopened"),
            (GitProvider.GITEA, "opened"),
            (GitProvider.GITEA, "synchronized"),
            (GitProvider.GITLAB, "open"),
            (GitProvider.GITLAB, "update"),
            (GitProvider.GITLAB, "reopen"),
            (GitProvider.BITBUCKET, "created"),
            (GitProvider.BITBUCKET, "updated"),
        ],
    )
    @pytest.mark.parametrize("is_from_fork", [False, True])
    def test_new_commits_have_their_branch_and_fork(
        self, git_provider: GitProvider, action: str, *, is_from_fork: bool
    ) -> None:
        event = event_of(pull_request(git_provider, action, of_fork=is_from_fork))

        assert isinstance(event, PullRequestUpdated)
        assert (7, "next", is_from_fork) == (event.number, event.branch, event.is_from_fork)
        assert event.is_opened == (
            action not in {"synchronize", "synchronized", "update", "updated"}
        )
        assert event.commit_sha == (AFTER[:12] if git_provider is GitProvider.BITBUCKET else AFTER)

    @pytest.mark.parametrize(
        ("git_provider", "action"),
        [
            (GitProvider.GITHUB, "closed"),
            (GitProvider.GITEA, "closed"),
            (GitProvider.GITLAB, "close"),
            (GitProvider.GITLAB, "merge"),
            (GitProvider.BITBUCKET, "fulfilled"),
            (GitProvider.BITBUCKET, "rejected"),
        ],
    )
    def test_closed_pull_request_is_reported(self, git_provider: GitProvider, action: str) -> None:
        expected = PullRequestClosed(number=7, branch="next", is_from_fork=False)

        assert expected == event_of(pull_request(git_provider, action))

    @pytest.mark.parametrize(
        ("git_provider", "action"),
        [
            (GitProvider.GITHUB, "labeled"),
            (GitProvider.GITEA, "edited"),
            (GitProvider.GITLAB, "relabel"),
            (GitProvider.GITLAB, "approved"),
            (GitProvider.BITBUCKET, "comment_created"),
        ],
    )
    def test_action_without_commits_is_ignored(
        self, git_provider: GitProvider, action: str
    ) -> None:
        assert isinstance(event_of(pull_request(git_provider, action)), IgnoredEvent)

    @pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
    def test_deleted_fork_still_counts_as_a_fork(self, git_provider: GitProvider) -> None:
        delivery = pull_request(git_provider, _CLOSED[git_provider])
        match git_provider:
            case GitProvider.GITLAB:
                delivery.payload["object_attributes"]["source_project_id"] = None
            case GitProvider.BITBUCKET:
                delivery.payload["pullrequest"]["source"]["repository"] = None
            case GitProvider.GITEA:
                gone = {"ref": "refs/pull/7/head", "repo_id": -1, "repo": None}
                delivery.payload["pull_request"]["head"] |= gone
            case _:
                delivery.payload["pull_request"]["head"]["repo"] = None

        event = event_of(delivery)

        assert isinstance(event, PullRequestClosed)
        assert event.is_from_fork

    def test_gitea_names_a_deleted_branch_by_its_label(self) -> None:
        delivery = pull_request(GitProvider.GITEA, "closed")
        delivery.payload["pull_request"]["head"]["ref"] = "refs/pull/7/head"

        assert PullRequestClosed(number=7, branch="next", is_from_fork=False) == event_of(delivery)

    def test_pull_request_without_a_branch_is_ignored(self) -> None:
        delivery = pull_request(GitProvider.GITEA, "opened")
        delivery.payload["pull_request"]["head"] |= {"ref": "refs/pull/7/head", "label": ""}

        assert isinstance(event_of(delivery), IgnoredEvent)


@pytest.mark.parametrize("git_provider", [GitProvider.GITHUB, GitProvider.BITBUCKET])
def test_ping_is_recognized(git_provider: GitProvider) -> None:
    assert PING == event_of(ping(git_provider))


@every_git_provider
def test_unknown_event_is_ignored(git_provider: GitProvider) -> None:
    event = event_of(Delivery(git_provider=git_provider, event="star", payload={"a": 1}))

    assert IgnoredEvent(reason="Events of type star are ignored.") == event


class TestAuthentication:
    @every_git_provider
    def test_only_the_secret_authenticates_a_delivery(self, git_provider: GitProvider) -> None:
        delivery, dialect = push(git_provider), PROVIDER_APIS[git_provider]
        headers = {name.lower(): value for name, value in delivery.headers(SECRET).items()}
        others = [
            evolve(delivery, git_provider=other).headers(SECRET)
            for other in GIT_PROVIDERS
            if other != git_provider
        ]
        foreign = [{name.lower(): value for name, value in headers.items()} for headers in others]

        assert dialect.is_authentic(headers, delivery.body, SECRET)
        assert not dialect.is_authentic(headers, delivery.body, "another")
        assert not dialect.is_authentic({}, delivery.body, SECRET)
        assert not any(dialect.is_authentic(each, delivery.body, SECRET) for each in foreign)

    @pytest.mark.parametrize(
        "git_provider", [GitProvider.GITHUB, GitProvider.GITEA, GitProvider.BITBUCKET]
    )
    def test_signature_covers_the_raw_body(self, git_provider: GitProvider) -> None:
        delivery, dialect = push(git_provider), PROVIDER_APIS[git_provider]
        headers = {name.lower(): value for name, value in delivery.headers(SECRET).items()}

        assert not dialect.is_authentic(headers, delivery.body + b" ", SECRET)

    @every_git_provider
    def test_malformed_signature_is_rejected(self, git_provider: GitProvider) -> None:
        dialect = PROVIDER_APIS[git_provider]

        assert not dialect.is_authentic({dialect.signature_header: "\xff\udce9"}, b"", SECRET)


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
def test_commit_message_can_skip_a_deployment(message: str, *, is_skipped: bool) -> None:
    assert is_skipped == has_skip_marker(message)


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
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
def test_watch_patterns_match_paths(pattern: str, path: str, *, is_match: bool) -> None:
    assert is_match == is_watched([path], [pattern])


def test_every_path_is_watched_without_patterns() -> None:
    assert is_watched(["a"], [])
    assert is_watched([], [])
    assert not is_watched([], ["a"])


_CLOSED = {
    GitProvider.GITHUB: "closed",
    GitProvider.GITEA: "closed",
    GitProvider.GITLAB: "close",
    GitProvider.BITBUCKET: "rejected",
}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"[" * 100_000, b'{"a":' * 100_000, b"payload=%7B%7D", b"\xff\xfe", b"9" * 5000],
)
def test_body_that_is_not_a_json_object_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidInputError, match="application/json"):
        PROVIDER_APIS[GitProvider.GITHUB].message({"x-github-event": "push"}, body)


@pytest.mark.parametrize(
    ("git_provider", "field", "value"),
    [
        (GitProvider.BITBUCKET, "push.changes.0.new.target.hash", "HEAD~1"),
        (GitProvider.BITBUCKET, "push.changes.0", "a change"),
        (GitProvider.GITHUB, "ref", 3),
        (GitProvider.GITHUB, "commits.0.added", ["a", 1]),
    ],
)
def test_error_names_the_invalid_field(
    git_provider: GitProvider, field: str, value: object
) -> None:
    delivery = push(git_provider)
    *path, last = [int(key) if key.isdigit() else key for key in field.split(".")]
    spot: Any = delivery.payload
    for key in path:
        spot = spot[key]
    spot[last] = value

    with pytest.raises(InvalidInputError) as refusal:
        event_of(delivery)

    assert [field] == list(refusal.value.problems)


def test_commit_may_lack_a_list_of_paths() -> None:
    delivery = push(GitProvider.GITHUB)
    del delivery.payload["commits"][0]["added"]

    event = event_of(delivery)

    assert isinstance(event, BranchPushed)
    assert frozenset({"README.md"}) == event.paths
