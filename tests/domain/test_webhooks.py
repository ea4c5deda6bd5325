"""What follows from what a forge tells of."""

import pytest
from attrs import evolve
from tests.deliveries import AFTER

from pushpaka_core.domain.deployments import PRODUCTION
from pushpaka_core.domain.forges.events import (
    PING,
    BranchDeleted,
    BranchPushed,
    ForgeEvent,
    Ignored,
    ProposalClosed,
    ProposalPushed,
)
from pushpaka_core.domain.webhooks import Deploy, EndPreview, Webhook, consequence_of, is_of_fork
from pushpaka_core.testing.objects import a_project, a_user, a_webhook

PROJECT = a_project(a_user())
PLAIN = a_webhook(PROJECT)
WITH_PREVIEWS = evolve(PLAIN, previews=True)
WITH_FORKS = evolve(WITH_PREVIEWS, forks=True)


def a_push(branch: str = "main", message: str = "") -> BranchPushed:
    return BranchPushed(branch=branch, commit_sha=AFTER, message=message, paths=frozenset({"a"}))


def a_proposal(
    branch: str = "next", *, is_of_fork: bool = False, is_opened: bool = True
) -> ProposalPushed:
    return ProposalPushed(
        number=7, branch=branch, commit_sha=AFTER, is_of_fork=is_of_fork, is_opened=is_opened
    )


def a_closed(branch: str = "next", *, is_of_fork: bool = False) -> ProposalClosed:
    return ProposalClosed(number=7, branch=branch, is_of_fork=is_of_fork)


def test_without_a_repository_nothing_is_pushed() -> None:
    """A forge that still tells of pushes is told why nothing follows."""
    folder = evolve(PROJECT, repo_url="archive:")

    for event in (a_push(), a_proposal()):
        ignored = consequence_of(event, WITH_FORKS, folder)
        assert isinstance(ignored, Ignored)
        assert "no Git repository" in ignored.reason


@pytest.mark.parametrize("webhook", [PLAIN, WITH_PREVIEWS])
def test_a_push_to_the_branch_of_production_deploys_that_commit(webhook: Webhook) -> None:
    """Previews change nothing of it."""
    expected = Deploy(target=PRODUCTION, branch="main", commit_sha=AFTER, paths=frozenset({"a"}))

    assert expected == consequence_of(a_push(), webhook, PROJECT)


@pytest.mark.parametrize("event", [a_push("next"), a_proposal()])
def test_another_branch_is_deployed_as_a_preview(event: ForgeEvent) -> None:
    """Its target bears its name; a pull request of the repository is its branch."""
    found = consequence_of(event, WITH_PREVIEWS, PROJECT)

    assert isinstance(found, Deploy)
    assert ("preview:next", "next", AFTER) == (found.target, found.branch, found.commit_sha)


@pytest.mark.parametrize("is_opened", [True, False])
def test_a_pull_request_of_a_fork_has_a_preview_of_its_own(*, is_opened: bool) -> None:
    """A branch of a fork may be called as one of ours: its target is named by its number."""
    proposal = a_proposal("main", is_of_fork=True, is_opened=is_opened)

    found = consequence_of(proposal, WITH_FORKS, PROJECT)

    assert Deploy(target="preview:pull/7", branch="main", commit_sha=AFTER) == found
    closed = consequence_of(a_closed("main", is_of_fork=True), WITH_FORKS, PROJECT)
    assert EndPreview(target="preview:pull/7") == closed


@pytest.mark.parametrize("target", ["preview:pull/7", "preview:pulls", "production"])
def test_the_commits_of_forks_are_known_by_their_target(target: str) -> None:
    """They alone need not be on a branch of the repository."""
    assert (target == "preview:pull/7") == is_of_fork(target)


@pytest.mark.parametrize(
    ("event", "webhook", "reason"),
    [
        (a_push("next"), PLAIN, "Only main is deployed, not next."),
        (a_proposal(), PLAIN, "Pull requests are not deployed"),
        (a_proposal(is_of_fork=True), WITH_PREVIEWS, "from forks are not deployed"),
        (a_proposal(is_of_fork=True), evolve(PLAIN, forks=True), "Pull requests are not"),
        (a_proposal("main"), WITH_PREVIEWS, "has no preview"),
        (a_proposal(is_opened=False), WITH_PREVIEWS, "The push to its branch is what counts."),
        (a_closed("main"), WITH_PREVIEWS, "has no preview"),
        (a_push(message="Try [skip ci]"), PLAIN, "asks for no deployment"),
        (BranchDeleted(branch="main"), WITH_PREVIEWS, "it goes on"),
        (PING, PLAIN, "The webhook works."),
    ],
)
def test_nothing_else_deploys(event: ForgeEvent, webhook: Webhook, reason: str) -> None:
    """Why it does not is said in a sentence."""
    found = consequence_of(event, webhook, PROJECT)

    assert isinstance(found, Ignored)
    assert reason in found.reason


@pytest.mark.parametrize("event", [a_push(), a_push("next"), a_proposal()])
def test_a_project_may_be_deployed_by_hand_alone(event: ForgeEvent) -> None:
    """Without auto_deploy no push does it."""
    project = evolve(PROJECT, auto_deploy=False)

    found = consequence_of(event, WITH_PREVIEWS, project)

    assert isinstance(found, Ignored)
    assert "auto_deploy is off" in found.reason


@pytest.mark.parametrize("event", [BranchDeleted(branch="next"), a_closed()])
def test_the_end_of_a_branch_ends_its_preview(event: ForgeEvent) -> None:
    """Whether new ones are wanted or not."""
    for webhook in (PLAIN, WITH_PREVIEWS):
        assert EndPreview(target="preview:next") == consequence_of(event, webhook, PROJECT)
