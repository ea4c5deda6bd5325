"""What `pushpaka deploy` is to deploy: what was named, else what this folder has checked out."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from pushpaka_core.domain.deployments import PRODUCTION, preview_of
from pushpaka_http.cli.client.failures import NoSuchThingError
from pushpaka_http.cli.client.folder import LocalFolder
from pushpaka_http.schemas.projects import ProjectResponse

_SHOWN_DIGITS = 7


@frozen(kw_only=True)
class Wish:
    """A commit of a branch, and the target that is to serve it."""

    branch: str
    commit: str | None = None
    """None is the newest one of the branch."""
    target: str = PRODUCTION
    warnings: Sequence[str] = ()

    @property
    def sentence(self) -> str:
        """Say it to whoever wishes it."""
        what = "its newest commit" if self.commit is None else self.commit[:_SHOWN_DIGITS]
        return f"{self.branch} ({what}) to {self.target}"


def named_wish(
    project: ProjectResponse,
    *,
    branch: str | None,
    commit: str | None,
    target: str | None,
    is_preview: bool,
) -> Wish:
    """Return what is wished by name; the branch is the project's unless it is named."""
    chosen = branch or project.branch
    return Wish(branch=chosen, commit=commit, target=_target(chosen, target, is_preview=is_preview))


def wish_of(
    folder: LocalFolder, project: ProjectResponse, *, target: str | None, is_preview: bool
) -> Wish:
    """
    Return the wish for what is checked out in a clone of the project's repository.

    Raises:
        NoSuchThingError: If it is another branch than the project's, and no target is named.
    """
    branch = folder.standing.branch or project.branch
    if branch != project.branch and target is None and not is_preview:
        raise NoSuchThingError(
            f"This folder is on {branch}, and {project.name} serves {project.branch}. Deploy "
            f"{branch} as a preview by --preview, or as production by --target {PRODUCTION}; "
            f"or deploy what {project.branch} has by --branch {project.branch}."
        )
    is_pushed = folder.is_pushed(project.repo_url, branch)
    return Wish(
        branch=branch,
        commit=folder.standing.commit if is_pushed else None,
        target=_target(branch, target, is_preview=is_preview),
        warnings=list(_warnings(folder, branch, is_pushed=is_pushed)),
    )


def _target(branch: str, named: str | None, *, is_preview: bool) -> str:
    if is_preview or named == "preview":
        return preview_of(branch)
    return named or PRODUCTION


def _warnings(folder: LocalFolder, branch: str, *, is_pushed: bool) -> Iterator[str]:
    commit, changes = folder.standing.commit, folder.standing.changes
    if not is_pushed and commit is not None:
        yield (
            f"{commit[:_SHOWN_DIGITS]} is not pushed: what is deployed is the newest commit of "
            f"{branch} that is. Push it first by git push, or deploy the folder itself by --local."
        )
    if changes:
        files = "1 file differs" if changes == 1 else f"{changes} files differ"
        yield (
            f"{files} from the commit, which is deployed without that. Commit it first, or "
            "deploy the folder itself by --local."
        )
