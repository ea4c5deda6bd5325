"""Webhooks: what a forge is given to tell of pushes, and what follows from what it tells."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NewType, TypeAlias
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.deployments import PRODUCTION, preview_of
from pushpaka_core.domain.forges.bitbucket import BITBUCKET
from pushpaka_core.domain.forges.dialects import Dialect
from pushpaka_core.domain.forges.events import (
    BranchDeleted,
    BranchPushed,
    ForgeEvent,
    Ignored,
    ProposalClosed,
    ProposalPushed,
    asks_to_be_skipped,
    is_watched,
)
from pushpaka_core.domain.forges.gitea import GITEA
from pushpaka_core.domain.forges.github import GITHUB
from pushpaka_core.domain.forges.gitlab import GITLAB
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.secrets import Encrypted

WebhookId = NewType("WebhookId", UUID)


class Forge(StrEnum):
    """What kind of a forge it is; Forgejo speaks as Gitea does."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"


DIALECTS: Mapping[Forge, Dialect] = {
    Forge.GITHUB: GITHUB,
    Forge.GITLAB: GITLAB,
    Forge.GITEA: GITEA,
    Forge.BITBUCKET: BITBUCKET,
}


@frozen(kw_only=True)
class NewWebhook:
    """A webhook that somebody wants."""

    project_id: ProjectId
    provider: Forge
    previews: bool = False
    """Whether branches and pull requests beside production's are deployed as previews."""
    forks: bool = False
    """Whether pull requests from forks are as well: they get the env vars of previews."""


@frozen(kw_only=True)
class Webhook:
    """An address to which a forge tells of pushes, and what proves that it is the forge."""

    id: WebhookId
    project_id: ProjectId
    provider: Forge
    previews: bool
    forks: bool
    secret: Encrypted
    created_at: datetime
    updated_at: datetime

    @property
    def dialect(self) -> Dialect:
        """Return how its forge speaks."""
        return DIALECTS[self.provider]

    @property
    def secret_context(self) -> str:
        """Return what its ciphertext is bound to."""
        return self.context_of(self.id)

    @staticmethod
    def context_of(id: WebhookId) -> str:
        """Return what the ciphertext of webhook *id* is bound to."""
        return f"webhooks:{id}"


@frozen(kw_only=True)
class WebhookDelivery:
    """A delivery that something followed from, so that nothing follows from it again."""

    webhook_id: WebhookId
    digest: str
    """Of what its forge calls it."""
    received_at: datetime


@frozen(kw_only=True)
class Deploy:
    """A commit is to be deployed."""

    target: str
    branch: str
    commit_sha: str
    paths: frozenset[str] | None = None
    """The files that were changed; None where they are not known."""

    def is_watched(self, patterns: Sequence[str]) -> bool:
        """Tell whether the change is worth a deployment, as one of the patterns themselves is."""
        if self.paths is None:
            return True
        names_patterns = any(PurePosixPath(path).name == "pushpaka.toml" for path in self.paths)
        return names_patterns or is_watched(self.paths, patterns)


@frozen(kw_only=True)
class EndPreview:
    """A preview is not wanted any more."""

    target: str


Consequence: TypeAlias = Deploy | EndPreview | Ignored

_OF_FORKS = preview_of("pull/")


def is_of_fork(target: str) -> bool:
    """Tell whether *target* is the preview of a pull request from a fork."""
    return target.startswith(_OF_FORKS)


def consequence_of(event: ForgeEvent, webhook: Webhook, project: Project) -> Consequence:
    """Return what follows from *event* by what *webhook* and *project* say."""
    match event:
        case Ignored():
            return event
        case BranchDeleted(branch=branch) if branch == project.branch:
            return Ignored(reason=f"The branch of production, {branch}, is gone; it goes on.")
        case BranchDeleted(branch=branch):
            return EndPreview(target=preview_of(branch))
        case ProposalClosed() if not event.is_of_fork and event.branch == project.branch:
            return Ignored(reason="The branch of production has no preview.")
        case ProposalClosed():
            return EndPreview(target=_target_of(event))
        case BranchPushed() | ProposalPushed():
            return _deployment_of(event, webhook, project)


def _deployment_of(
    event: BranchPushed | ProposalPushed, webhook: Webhook, project: Project
) -> Consequence:
    if not project.has_repository:
        return Ignored(reason="The project has no Git repository: only archives deploy it.")
    if not project.auto_deploy:
        return Ignored(reason="Pushes do not deploy this project: its auto_deploy is off.")
    if asks_to_be_skipped(event.message):
        return Ignored(reason="The message of the commit asks for no deployment.")
    if isinstance(event, ProposalPushed):
        return _proposal(event, webhook, project)
    is_production = event.branch == project.branch
    if not is_production and not webhook.previews:
        return Ignored(reason=f"Only {project.branch} is deployed, not {event.branch}.")
    return Deploy(
        target=PRODUCTION if is_production else preview_of(event.branch),
        branch=event.branch,
        commit_sha=event.commit_sha,
        paths=event.paths,
    )


def _proposal(event: ProposalPushed, webhook: Webhook, project: Project) -> Consequence:
    if not webhook.previews:
        return Ignored(reason="Pull requests are not deployed by this webhook.")
    if event.is_of_fork and not webhook.forks:
        return Ignored(reason="Pull requests from forks are not deployed by this webhook.")
    if not event.is_of_fork and event.branch == project.branch:
        return Ignored(reason="The branch of production has no preview.")
    if not event.is_of_fork and not event.is_opened:
        return Ignored(reason="The push to its branch is what counts.")
    # A forge keeps what a fork proposes among the repository's own commits, on no branch of it.
    branch = project.branch if event.is_of_fork else event.branch
    return Deploy(target=_target_of(event), branch=branch, commit_sha=event.commit_sha)


def _target_of(event: ProposalPushed | ProposalClosed) -> str:
    """Return the preview of a pull request: its branch's, but a fork's branches are not ours."""
    return f"{_OF_FORKS}{event.number}" if event.is_of_fork else preview_of(event.branch)
