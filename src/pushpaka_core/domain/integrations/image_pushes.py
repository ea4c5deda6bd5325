"""Decides which deployment the push of an image triggers."""

from fnmatch import fnmatchcase
from typing import TypeAlias

from attrs import frozen

from pushpaka_core.domain.integrations.git_providers.events import IgnoredEvent, ImagePushed
from pushpaka_core.domain.projects.images import ImageReference, is_digest, is_tag
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.validation import Matches

check_tag_pattern = Matches(
    r"[A-Za-z0-9_.*-]{1,128}",
    'must be a tag or a pattern such as "1.*", with 1 to 128 letters, digits and the characters '
    '"_.-*"',
)


@frozen(kw_only=True)
class DeployImage:
    """The action to deploy an image to production."""

    image: ImageReference


ImageAction: TypeAlias = DeployImage | IgnoredEvent


def image_action(event: ImagePushed, tags: str | None, project: Project) -> ImageAction:
    """
    Return the action that the push of an image triggers.

    Only the paths of the repositories are compared, because a registry can have several host names.

    Args:
        event: The push.
        tags: The pattern for the tags to deploy. None deploys only the project's tag.
        project: The project of the webhook.
    """
    own = project.image
    if own is None:
        return IgnoredEvent(
            reason="The project does not deploy images. Set its repo_url to an image."
        )
    if event.repository != own.repository:
        return IgnoredEvent(
            reason=f"This delivery is for {event.repository[:200]}, but the project deploys {own}."
        )
    wanted = tags or own.tag or own.digest or ""
    if not is_tag(event.tag) or not fnmatchcase(event.tag, wanted):
        return IgnoredEvent(reason=f"This webhook deploys only {wanted}, not {event.tag[:128]}.")
    if not project.auto_deploy:
        return IgnoredEvent(reason="Pushes do not deploy this project because auto_deploy is off.")
    digest = event.digest if event.digest and is_digest(event.digest) else None
    return DeployImage(image=own.with_tag(event.tag, digest))
