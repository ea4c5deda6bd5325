"""Webhooks: pushes, pull requests and pushed images, and the deployments that they trigger."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import PurePosixPath
from typing import NewType, Self, TypeAlias
from uuid import UUID

from attrs import field, frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.integrations.git_providers.bitbucket import BITBUCKET
from pushpaka_core.domain.integrations.git_providers.events import (
    BranchDeleted,
    BranchPushed,
    IgnoredEvent,
    ImagePushed,
    ProviderEvent,
    PullRequestClosed,
    PullRequestUpdated,
    has_skip_marker,
    is_watched,
)
from pushpaka_core.domain.integrations.git_providers.gitea import GITEA
from pushpaka_core.domain.integrations.git_providers.github import GITHUB
from pushpaka_core.domain.integrations.git_providers.gitlab import GITLAB
from pushpaka_core.domain.integrations.git_providers.provider_apis import (
    ProviderApi,
    WebhookMessage,
)
from pushpaka_core.domain.integrations.git_providers.registries import DISTRIBUTION, DOCKER_HUB
from pushpaka_core.domain.integrations.image_pushes import (
    DeployImage,
    check_tag_pattern,
    image_action,
)
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION, preview_target
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.validation import validated_by

MAX_WEBHOOKS = 100
"""The maximum number of webhooks per project."""


class GitProvider(StrEnum):
    """The kind of Git provider or registry. Forgejo is compatible with Gitea."""

    GITHUB = "github"
    """GitHub, on github.com or GitHub Enterprise."""
    GITLAB = "gitlab"
    """GitLab, on gitlab.com or self-hosted."""
    GITEA = "gitea"
    """Gitea or Forgejo."""
    BITBUCKET = "bitbucket"
    """Bitbucket Cloud."""
    DOCKER_HUB = "docker-hub"
    """Docker Hub."""
    REGISTRY = "registry"
    """A registry with notifications in the format of CNCF distribution."""


PROVIDER_APIS: Mapping[GitProvider, ProviderApi] = {
    GitProvider.GITHUB: GITHUB,
    GitProvider.GITLAB: GITLAB,
    GitProvider.GITEA: GITEA,
    GitProvider.BITBUCKET: BITBUCKET,
    GitProvider.DOCKER_HUB: DOCKER_HUB,
    GitProvider.REGISTRY: DISTRIBUTION,
}
"""The webhook format and API of each kind of Git provider or registry."""


@frozen(kw_only=True)
class NewWebhook:
    """The input for creating a webhook."""

    project_id: ProjectId
    """Id of the project to deploy."""
    provider: GitProvider
    """Git provider or registry that sends the deliveries."""
    previews: bool = False
    """Whether to deploy other branches and pull requests as previews."""
    forks: bool = False
    """
    Whether to deploy pull requests from forks as previews too.

    They receive the environment variables of previews.
    """
    tags: str | None = field(default=None, validator=validated_by(check_tag_pattern))
    """
    Pattern for the image tags to deploy, for example "1.*", where `*` matches any characters.

    Defaults to the tag of the project's image.
    """


WebhookId = NewType("WebhookId", UUID)


@frozen(kw_only=True)
class Webhook:
    """A webhook that receives events from a Git provider or a registry."""

    id: WebhookId
    project_id: ProjectId
    provider: GitProvider
    previews: bool
    forks: bool
    tags: str | None = None
    """The pattern for the image tags to deploy, or None for the tag of the project's image."""
    secret: Encrypted
    """The secret that authenticates deliveries."""
    created_at: datetime
    updated_at: datetime

    @property
    def provider_api(self) -> ProviderApi:
        """Return the webhook format and API of the Git provider or registry."""
        return PROVIDER_APIS[self.provider]

    @property
    def secret_context(self) -> str:
        """Return the encryption context, which binds the encrypted secret to this webhook."""
        return self.context_of(self.id)

    @staticmethod
    def context_of(id: WebhookId) -> str:
        """Return the encryption context of the secret of webhook *id*."""
        return f"webhooks:{id}"


WEBHOOKS = EntityType[WebhookId, Webhook](entity=Webhook, noun="webhook", table="webhooks")


@frozen(kw_only=True)
class WebhookDelivery:
    """A received delivery, recorded so that a duplicate is not processed again."""

    webhook_id: WebhookId
    digest: str
    """
    The SHA-256 of the body. It identifies the delivery, because no Git provider signs the header
    with the id.
    """
    received_at: datetime

    @classmethod
    def of(cls, webhook_id: WebhookId, body: bytes, received_at: datetime) -> Self:
        """Return the record of a delivery of *body* to a webhook."""
        digest = sha256(body).hexdigest()
        return cls(webhook_id=webhook_id, digest=digest, received_at=received_at)


@frozen(kw_only=True)
class DeployCommit:
    """The action to deploy a commit."""

    target: str
    branch: str
    commit_sha: str
    paths: frozenset[str] | None = None
    """The changed files, or None if they are not known."""

    def is_watched(self, patterns: Sequence[str]) -> bool:
        """
        Return True if a changed file matches one of *patterns*.

        Return True also if the changed files are not known, or if pushpaka.toml, which contains the
        patterns, has changed.
        """
        if self.paths is None:
            return True
        names_patterns = any(PurePosixPath(path).name == "pushpaka.toml" for path in self.paths)
        return names_patterns or is_watched(self.paths, patterns)


@frozen(kw_only=True)
class StopPreview:
    """The action to stop a preview."""

    target: str


WebhookAction: TypeAlias = DeployCommit | DeployImage | StopPreview | IgnoredEvent

_FORK_PREVIEW_PREFIX = preview_target("pull/")


def is_fork_preview(target: str) -> bool:
    """Return True if *target* is the preview of a pull request from a fork."""
    return target.startswith(_FORK_PREVIEW_PREFIX)


def actions_for(
    message: WebhookMessage, webhook: Webhook, project: Project
) -> Sequence[WebhookAction]:
    """
    Return the actions that a delivery triggers.

    Deliveries about repositories other than the project's are ignored.
    """
    if project.has_repository and not message.repository.is_at(project.repo_url):
        reason = (
            f"This delivery is for {message.repository}, but the project deploys "
            f"{project.repo_url}. Add the webhook to that repository, or change the project's "
            "repo_url."
        )
        return [IgnoredEvent(reason=reason)]
    return [action_for(event, webhook, project) for event in message.events]


def action_for(event: ProviderEvent, webhook: Webhook, project: Project) -> WebhookAction:
    """Return the action that *event* triggers for a project with this webhook."""
    match event:
        case IgnoredEvent():
            return event
        case ImagePushed():
            return image_action(event, webhook.tags, project)
        case BranchDeleted() | PullRequestClosed():
            return _end_action(event, project)
        case BranchPushed() | PullRequestUpdated():
            return _deploy_action(event, webhook, project)


def _end_action(event: BranchDeleted | PullRequestClosed, project: Project) -> WebhookAction:
    if isinstance(event, BranchDeleted):
        if event.branch == project.branch:
            return IgnoredEvent(
                reason=f"The production branch {event.branch} was deleted. The project stays "
                "deployed."
            )
        return StopPreview(target=preview_target(event.branch))
    if not event.is_from_fork and event.branch == project.branch:
        return IgnoredEvent(reason="The production branch has no preview.")
    return StopPreview(target=_target_of(event))


def _deploy_action(
    event: BranchPushed | PullRequestUpdated, webhook: Webhook, project: Project
) -> WebhookAction:
    if not project.has_repository:
        return IgnoredEvent(
            reason="The project has no Git repository. It is deployed from archives or images."
        )
    if not project.auto_deploy:
        return IgnoredEvent(reason="Pushes do not deploy this project because auto_deploy is off.")
    if has_skip_marker(event.message):
        return IgnoredEvent(
            reason="The commit message contains a skip marker, so nothing was deployed."
        )
    if isinstance(event, PullRequestUpdated):
        return _pull_request_action(event, webhook, project)
    is_production = event.branch == project.branch
    if not is_production and not webhook.previews:
        return IgnoredEvent(
            reason=f"This webhook deploys only {project.branch}, not {event.branch}."
        )
    return DeployCommit(
        target=PRODUCTION if is_production else preview_target(event.branch),
        branch=event.branch,
        commit_sha=event.commit_sha,
        paths=event.paths,
    )


def _pull_request_action(
    event: PullRequestUpdated, webhook: Webhook, project: Project
) -> WebhookAction:
    if not webhook.previews:
        return IgnoredEvent(reason="Previews are disabled for this webhook.")
    if event.is_from_fork and not webhook.forks:
        return IgnoredEvent(
            reason="Previews of pull requests from forks are disabled for this webhook."
        )
    if not event.is_from_fork and event.branch == project.branch:
        return IgnoredEvent(reason="The production branch has no preview.")
    if not event.is_from_fork and not event.is_opened:
        return IgnoredEvent(reason="Pushes to this pull request's branch already deploy it.")
    # Git providers store the commits of a fork's pull request in the repository itself, but on no
    # branch.
    branch = project.branch if event.is_from_fork else event.branch
    return DeployCommit(target=_target_of(event), branch=branch, commit_sha=event.commit_sha)


def _target_of(event: PullRequestUpdated | PullRequestClosed) -> str:
    """Return the preview target of a pull request. Branch names from forks are not trusted."""
    return (
        f"{_FORK_PREVIEW_PREFIX}{event.number}"
        if event.is_from_fork
        else preview_target(event.branch)
    )
