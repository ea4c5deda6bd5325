"""Tests how `pushpaka deploy` chooses the commit from the state of a folder, and its warnings."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from pushpaka_core.adapters.git.working_trees import WorkingTreeState
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.projects.projects import ProjectStatus
from pushpaka_core.services.projects.projects import ProjectOverview
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_http.cli.folder.deploy_target import DeployTarget, checked_out_target, explicit_target
from pushpaka_http.cli.folder.working_tree import LocalFolder
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.schemas.projects import ProjectResponse

COMMIT = "1234567890" * 4
PROJECT = ProjectResponse.of(
    ProjectOverview(
        project=a_project(a_user(), repo_url="https://example.com/acme/shop", branch="main"),
        status=ProjectStatus.INACTIVE,
        url="https://shop.example.com",
        current_deployment_id=None,
        has_web=True,
        env_changed=False,
        role=ProjectRole.OWNER,
        has_deploy_key=False,
    )
)


def _folder(**differences: Any) -> LocalFolder:
    """Return a folder with a clean clone of the project's repository, except for *differences*."""
    working_tree_state = WorkingTreeState(
        branch="main",
        commit=COMMIT,
        changes=0,
        remotes={"origin": "git@example.com:acme/shop.git"},
        remote_branches=["origin/main", "origin/login"],
    )
    return LocalFolder(
        root=Path("/home/ann/shop"),
        relative_path="",
        state=evolve(working_tree_state, **differences),
    )


def _deploy_target(
    folder: LocalFolder, target: str | None = None, *, is_preview: bool = False
) -> DeployTarget:
    return checked_out_target(folder, PROJECT, target=target, is_preview=is_preview)


def test_the_commit_that_is_checked_out_and_pushed_is_deployed() -> None:
    """The commit goes to production without any warning."""
    assert DeployTarget(branch="main", commit=COMMIT) == evolve(
        _deploy_target(_folder()), warnings=()
    )
    assert [] == _deploy_target(_folder()).warnings


def test_an_unpushed_commit_is_not_deployed() -> None:
    """The branch's newest pushed commit is deployed. Remotes of other projects are ignored."""
    elsewhere = {"origin": "git@example.com:acme/shop.git", "fork": "git@example.com:ann/shop"}
    for folder in (
        _folder(remote_branches=[]),
        _folder(remote_branches=["fork/main"], remotes=elsewhere),
        _folder(remote_branches=["origin/other"]),
    ):
        deploy_target = _deploy_target(folder)

        assert None is deploy_target.commit
        (warning,) = deploy_target.warnings
        assert warning.startswith("1234567 is not pushed, so the latest pushed commit of main is")


@pytest.mark.parametrize(("changes", "description"), [(1, "1 file"), (7, "7 files")])
def test_uncommitted_changes_cause_a_warning(changes: int, description: str) -> None:
    """The commit is deployed without the changes."""
    deploy_target = _deploy_target(_folder(changes=changes))

    assert COMMIT == deploy_target.commit
    (warning,) = deploy_target.warnings
    assert warning.startswith(f"Uncommitted changes in {description} are not deployed.")


def test_another_branch_is_deployed_to_production_only_on_request() -> None:
    """Without a target, the command is refused, and the message suggests a preview."""
    folder = _folder(branch="login")

    with pytest.raises(NoMatchError, match=r"on the branch \"login\", .* Pass --preview"):
        _deploy_target(folder)

    assert "preview:login" == _deploy_target(folder, is_preview=True).target
    assert "preview:login" == _deploy_target(folder, "preview").target
    assert "production" == _deploy_target(folder, "production").target
    assert {COMMIT} == {
        _deploy_target(folder, target).commit for target in ("preview", "production")
    }


def test_a_detached_commit_is_expected_on_the_branch_of_the_project() -> None:
    """CI systems check out commits without a branch."""
    deploy_target = _deploy_target(_folder(branch=None))

    assert ("main", COMMIT) == (deploy_target.branch, deploy_target.commit)


def test_commits_in_the_repository_itself_count_as_pushed() -> None:
    """The repository of a project can be a folder on the same machine."""
    folder, project = (
        _folder(remotes={}, remote_branches=[]),
        evolve(PROJECT, repo_url="/home/ann/shop"),
    )

    deploy_target = checked_out_target(folder, project, target=None, is_preview=False)

    assert folder.is_clone_of("/home/ann/shop")
    assert (COMMIT, []) == (deploy_target.commit, deploy_target.warnings)


@pytest.mark.parametrize(
    ("branch", "commit", "target", "is_preview", "expected"),
    [
        (None, None, None, False, DeployTarget(branch="main")),
        ("login", None, None, False, DeployTarget(branch="login")),
        ("login", "abcdef1", "production", False, DeployTarget(branch="login", commit="abcdef1")),
        ("login", None, None, True, DeployTarget(branch="login", target="preview:login")),
        (None, None, "preview:x", False, DeployTarget(branch="main", target="preview:x")),
    ],
)  # fmt: skip
def test_options_take_precedence_over_the_folder(
    branch: str | None,
    commit: str | None,
    target: str | None,
    is_preview: bool,
    expected: DeployTarget,
) -> None:
    """The state of the folder causes no warnings."""
    assert expected == explicit_target(
        PROJECT, branch=branch, commit=commit, target=target, is_preview=is_preview
    )
