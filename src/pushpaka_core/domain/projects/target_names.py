"""The names of deployment targets: production, and one preview per branch."""

from pushpaka_core.domain.projects.repository_urls import check_branch
from pushpaka_core.domain.validation import limited_to

PRODUCTION = "production"
"""The name of the production target."""


@limited_to(len("preview:") + check_branch.max_length)
def check_target(value: str) -> None:
    """Raise ValueError unless *value* is "production" or "preview:<branch>"."""
    kind, _, branch = value.partition(":")
    if value != PRODUCTION and kind != "preview":
        raise ValueError('must be "production" or "preview:<branch>"')
    if value != PRODUCTION:
        check_branch(branch)


def preview_target(branch: str) -> str:
    """Return the target of the preview of *branch*."""
    return f"preview:{branch}"
