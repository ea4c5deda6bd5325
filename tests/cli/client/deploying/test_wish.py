"""What `pushpaka deploy` takes a folder for, and what it warns of."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from pushpaka_core.adapters.git.working_trees import Standing
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import ProjectStatus
from pushpaka_core.services.projects import ProjectOverview
from pushpaka_core.testing.objects import a_project, a_user
from pushpaka_http.cli.client.failures import NoSuchThingError
from pushpaka_http.cli.client.folder import LocalFolder
from pushpaka_http.cli.client.wish import Wish, named_wish, wish_of
from pushpaka_http.schemas.projects import ProjectResponse

COMMIT = "1234567890" * 4
PROJECT = ProjectResponse.of(
    ProjectOverview(
        project=a_project(a_user(), repo_url="https://example.com/acme/shop", branch="main"),
        status=ProjectStatus.INACTIVE,
        url="https://shop.example.com",
        current_deployment_id=None,
        env_changed=False,
        role=ProjectRole.OWNER,
        has_deploy_key=False,
    )
)


def _folder(**differences: Any) -> LocalFolder:
    """Return a clone of the project's repository, whose commit is pushed, with *differences*."""
    standing = Standing(
        branch="main",
        commit=COMMIT,
        changes=0,
        remotes={"origin": "git@example.com:acme/shop.git"},
        holders=["origin/main", "origin/login"],
    )
    return LocalFolder(
        root=Path("/home/ann/shop"), inner="", standing=evolve(standing, **differences)
    )


def _wish(folder: LocalFolder, target: str | None = None, *, is_preview: bool = False) -> Wish:
    return wish_of(folder, PROJECT, target=target, is_preview=is_preview)


def test_what_is_checked_out_and_pushed_is_deployed() -> None:
    """The very commit, to production, and without a word."""
    assert Wish(branch="main", commit=COMMIT) == evolve(_wish(_folder()), warnings=())
    assert [] == _wish(_folder()).warnings


def test_what_is_not_pushed_is_not_deployed_and_told() -> None:
    """The branch is, as far as it is pushed; somebody else's remote does not count."""
    elsewhere = {"origin": "git@example.com:acme/shop.git", "fork": "git@example.com:ann/shop"}
    for folder in (
        _folder(holders=[]),
        _folder(holders=["fork/main"], remotes=elsewhere),
        _folder(holders=["origin/other"]),
    ):
        wish = _wish(folder)

        assert None is wish.commit
        (warning,) = wish.warnings
        assert warning.startswith("1234567 is not pushed: what is deployed is the newest commit")


@pytest.mark.parametrize(("changes", "words"), [(1, "1 file differs"), (7, "7 files differ")])
def test_what_is_not_committed_is_told(changes: int, words: str) -> None:
    """The commit is deployed without it."""
    wish = _wish(_folder(changes=changes))

    assert COMMIT == wish.commit
    (warning,) = wish.warnings
    assert warning.startswith(f"{words} from the commit, which is deployed without that.")


def test_another_branch_is_not_deployed_to_production_unasked() -> None:
    """A preview of it is offered, and production to whoever says so."""
    folder = _folder(branch="login")

    with pytest.raises(NoSuchThingError, match=r"This folder is on login, .* by --preview"):
        _wish(folder)

    assert "preview:login" == _wish(folder, is_preview=True).target
    assert "preview:login" == _wish(folder, "preview").target
    assert "production" == _wish(folder, "production").target
    assert {COMMIT} == {_wish(folder, target).commit for target in ("preview", "production")}


def test_a_commit_without_a_branch_is_looked_for_on_that_of_the_project() -> None:
    """As continuous integration checks it out."""
    wish = _wish(_folder(branch=None))

    assert ("main", COMMIT) == (wish.branch, wish.commit)


def test_the_repository_itself_is_pushed_as_it_is() -> None:
    """A project may have a folder of the same machine as its repository."""
    folder, project = _folder(remotes={}, holders=[]), evolve(PROJECT, repo_url="/home/ann/shop")

    wish = wish_of(folder, project, target=None, is_preview=False)

    assert folder.is_of("/home/ann/shop")
    assert (COMMIT, []) == (wish.commit, wish.warnings)


@pytest.mark.parametrize(
    ("branch", "commit", "target", "is_preview", "expected"),
    [
        (None, None, None, False, Wish(branch="main")),
        ("login", None, None, False, Wish(branch="login")),
        ("login", "abcdef1", "production", False, Wish(branch="login", commit="abcdef1")),
        ("login", None, None, True, Wish(branch="login", target="preview:login")),
        (None, None, "preview:x", False, Wish(branch="main", target="preview:x")),
    ],
)  # fmt: skip
def test_what_is_named_is_deployed(
    branch: str | None, commit: str | None, target: str | None, is_preview: bool, expected: Wish
) -> None:
    """Without a look at the folder, and without warnings."""
    assert expected == named_wish(
        PROJECT, branch=branch, commit=commit, target=target, is_preview=is_preview
    )
