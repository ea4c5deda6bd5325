"""Tests the effect of each webhook event."""

import pytest
from attrs import evolve
from tests.webhook_deliveries import AFTER

from pushpaka_core.domain.integrations.git_providers.events import (
    PING,
    BranchDeleted,
    BranchPushed,
    IgnoredEvent,
    ProviderEvent,
    PullRequestClosed,
    PullRequestUpdated,
)
from pushpaka_core.domain.integrations.webhooks import (
    DeployCommit,
    StopPreview,
    Webhook,
    action_for,
    is_fork_preview,
)
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.integrations import a_webhook
from pushpaka_core.testing.objects.projects import a_project

PROJECT = a_project(a_user())
PLAIN = a_webhook(PROJECT)
WITH_PREVIEWS = evolve(PLAIN, previews=True)
WITH_FORKS = evolve(WITH_PREVIEWS, forks=True)


def new_push(branch: str = "main", message: str = "") -> BranchPushed:
    return BranchPushed(branch=branch, commit_sha=AFTER, message=message, paths=frozenset({"a"}))


def new_pull_request(
    branch: str = "next", *, is_from_fork: bool = False, is_opened: bool = True
) -> PullRequestUpdated:
    return PullRequestUpdated(
        number=7, branch=branch, commit_sha=AFTER, is_from_fork=is_from_fork, is_opened=is_opened
    )


def closed_pull_request(branch: str = "next", *, is_from_fork: bool = False) -> PullRequestClosed:
    return PullRequestClosed(number=7, branch=branch, is_from_fork=is_from_fork)


def test_project_without_a_repository_ignores_events() -> None:
    folder = evolve(PROJECT, repo_url="archive:")

    for event in (new_push(), new_pull_request()):
        ignored = action_for(event, WITH_FORKS, folder)
        assert isinstance(ignored, IgnoredEvent)
        assert "no Git repository" in ignored.reason


@pytest.mark.parametrize("webhook", [PLAIN, WITH_PREVIEWS])
def test_push_to_the_production_branch_deploys_its_commit(webhook: Webhook) -> None:
    expected = DeployCommit(
        target=PRODUCTION, branch="main", commit_sha=AFTER, paths=frozenset({"a"})
    )

    assert expected == action_for(new_push(), webhook, PROJECT)


@pytest.mark.parametrize("event", [new_push("next"), new_pull_request()])
def test_other_branch_is_deployed_as_a_preview(event: ProviderEvent) -> None:
    found = action_for(event, WITH_PREVIEWS, PROJECT)

    assert isinstance(found, DeployCommit)
    assert ("preview:next", "next", AFTER) == (found.target, found.branch, found.commit_sha)


@pytest.mark.parametrize("is_opened", [True, False])
def test_pull_request_from_a_fork_has_its_own_preview(*, is_opened: bool) -> None:
    proposal = new_pull_request("main", is_from_fork=True, is_opened=is_opened)

    found = action_for(proposal, WITH_FORKS, PROJECT)

    assert DeployCommit(target="preview:pull/7", branch="main", commit_sha=AFTER) == found
    closed = action_for(closed_pull_request("main", is_from_fork=True), WITH_FORKS, PROJECT)
    assert StopPreview(target="preview:pull/7") == closed


@pytest.mark.parametrize("target", ["preview:pull/7", "preview:pulls", "production"])
def test_target_shows_whether_commits_are_from_a_fork(target: str) -> None:
    assert (target == "preview:pull/7") == is_fork_preview(target)


@pytest.mark.parametrize(
    ("event", "webhook", "reason"),
    [
        (new_push("next"), PLAIN, "This webhook deploys only main, not next."),
        (new_pull_request(), PLAIN, "Previews are disabled"),
        (new_pull_request(is_from_fork=True), WITH_PREVIEWS, "from forks are disabled"),
        (new_pull_request(is_from_fork=True), evolve(PLAIN, forks=True), "Previews are disabled"),
        (new_pull_request("main"), WITH_PREVIEWS, "has no preview"),
        (
            new_pull_request(is_opened=False),
            WITH_PREVIEWS,
            "Pushes to this pull request's branch already deploy it.",
        ),
        (closed_pull_request("main"), WITH_PREVIEWS, "has no preview"),
        (new_push(message="Try [skip ci]"), PLAIN, "contains a skip marker"),
        (BranchDeleted(branch="main"), WITH_PREVIEWS, "The project stays deployed"),
        (PING, PLAIN, "The webhook works."),
    ],
)
def test_other_events_are_ignored(event: ProviderEvent, webhook: Webhook, reason: str) -> None:
    found = action_for(event, webhook, PROJECT)

    assert isinstance(found, IgnoredEvent)
    assert reason in found.reason


@pytest.mark.parametrize("event", [new_push(), new_push("next"), new_pull_request()])
def test_disabled_auto_deploy_ignores_events(event: ProviderEvent) -> None:
    project = evolve(PROJECT, auto_deploy=False)

    found = action_for(event, WITH_PREVIEWS, project)

    assert isinstance(found, IgnoredEvent)
    assert "auto_deploy is off" in found.reason


@pytest.mark.parametrize("event", [BranchDeleted(branch="next"), closed_pull_request()])
def test_deleted_branch_ends_its_preview(event: ProviderEvent) -> None:
    for webhook in (PLAIN, WITH_PREVIEWS):
        assert StopPreview(target="preview:next") == action_for(event, webhook, PROJECT)
