"""The names of deployment targets: production, a preview per branch, and a server per database."""

from pushpaka_core.domain.projects.repository_urls import check_branch
from pushpaka_core.domain.validation import limited_to

PRODUCTION = "production"
"""The name of the production target."""
_PREVIEW_PREFIX = "preview:"
_DATABASE_PREFIX = "database:"


@limited_to(len(_PREVIEW_PREFIX) + check_branch.max_length)
def check_target(value: str) -> None:
    """
    Raise ValueError unless *value* is "production" or "preview:<branch>".

    The targets of databases are rejected, because users do not deploy to them.
    """
    if value != PRODUCTION and not is_preview(value):
        raise ValueError('must be "production" or "preview:<branch>"')
    if value != PRODUCTION:
        check_branch(value.removeprefix(_PREVIEW_PREFIX))


def preview_target(branch: str) -> str:
    """Return the target of the preview of *branch*."""
    return f"{_PREVIEW_PREFIX}{branch}"


def is_preview(target: str) -> bool:
    """Return True if *target* is a preview."""
    return target.startswith(_PREVIEW_PREFIX)


def database_target(name: str) -> str:
    """Return the target that runs the server of the database *name*."""
    return f"{_DATABASE_PREFIX}{name}"


def database_of(target: str) -> str | None:
    """Return the name of the database whose server runs in *target*, or None for other targets."""
    return target.removeprefix(_DATABASE_PREFIX) if is_database(target) else None


def is_database(target: str) -> bool:
    """Return True if *target* runs the server of a database."""
    return target.startswith(_DATABASE_PREFIX)
