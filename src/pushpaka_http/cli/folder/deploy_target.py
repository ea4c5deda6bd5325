"""Decides which commit `pushpaka deploy` deploys, and to which target."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from pushpaka_core.domain.projects.target_names import PRODUCTION, preview_target
from pushpaka_http.cli.folder.working_tree import LocalFolder
from pushpaka_http.cli.ui.counts import pluralized
from pushpaka_http.cli.ui.failures import NoMatchError
from pushpaka_http.schemas.projects import ProjectResponse

_SHOWN_DIGITS = 7


@frozen(kw_only=True)
class DeployTarget:
    """A commit of a branch and the target to deploy it to."""

    branch: str
    commit: str | None = None
    """The commit, or None for the latest commit of the branch."""
    target: str = PRODUCTION
    warnings: Sequence[str] = ()

    @property
    def description(self) -> str:
        """Return a description for the user."""
        commit = "latest commit" if self.commit is None else self.commit[:_SHOWN_DIGITS]
        return f"{self.branch} ({commit}) to {self.target}"


def explicit_target(
    project: ProjectResponse,
    *,
    branch: str | None,
    commit: str | None,
    target: str | None,
    is_preview: bool,
) -> DeployTarget:
    """
    Return the target of a deploy command with explicit options.

    The default branch is that of the project.
    """
    chosen = branch or project.branch
    return DeployTarget(
        branch=chosen, commit=commit, target=_target(chosen, target, is_preview=is_preview)
    )


def checked_out_target(
    folder: LocalFolder, project: ProjectResponse, *, target: str | None, is_preview: bool
) -> DeployTarget:
    """
    Return the target for the commit that is checked out in *folder*.

    If the commit is not pushed, the latest commit of its branch is deployed instead, with a
    warning.

    Raises:
        NoMatchError: If a branch other than the project's is checked out, and no target is given.
    """
    branch = folder.state.branch or project.branch
    if branch != project.branch and target is None and not is_preview:
        raise NoMatchError(
            f'This folder is on the branch "{branch}", but {project.name} deploys '
            f'"{project.branch}". Pass --preview to deploy a preview of {branch}, --target '
            f"{PRODUCTION} to deploy it to production, or --branch {project.branch} to deploy "
            f"{project.branch}."
        )
    is_pushed = folder.is_pushed(project.repo_url, branch)
    return DeployTarget(
        branch=branch,
        commit=folder.state.commit if is_pushed else None,
        target=_target(branch, target, is_preview=is_preview),
        warnings=list(_warnings(folder, branch, is_pushed=is_pushed)),
    )


def _target(branch: str, requested_target: str | None, *, is_preview: bool) -> str:
    if is_preview or requested_target == "preview":
        return preview_target(branch)
    return requested_target or PRODUCTION


def _warnings(folder: LocalFolder, branch: str, *, is_pushed: bool) -> Iterator[str]:
    commit, changes = folder.state.commit, folder.state.changes
    if not is_pushed and commit is not None:
        yield (
            f"{commit[:_SHOWN_DIGITS]} is not pushed, so the latest pushed commit of {branch} is "
            "deployed. Run `git push` first, or deploy this folder with --local."
        )
    if changes:
        yield (
            f"Uncommitted changes in {pluralized(changes, 'file')} are not deployed. Commit them "
            "first, or deploy this folder with --local."
        )
