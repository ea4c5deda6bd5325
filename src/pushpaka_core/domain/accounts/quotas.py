"""Quotas of users."""

from collections.abc import Collection

from attrs import field, frozen

from pushpaka_core.domain.projects.env_vars import EnvQuota
from pushpaka_core.domain.routing.custom_domains import CustomDomain
from pushpaka_core.errors import ArchiveQuotaError, QuotaReachedError, TooManyRequestsError

_QUEUE_RETRY_SECONDS = 30
"""The number of seconds after which clients should retry if the queue is full."""
_ARCHIVE_RETRY_SECONDS = 60


@frozen(kw_only=True)
class QuotaUsage:
    """A user's current usage of each quota."""

    projects: int
    """The number of projects."""
    queued_deployments: int
    """The number of queued deployments."""
    domains: int
    """The number of custom domains."""
    unverified_domains: int
    """The number of custom domains that are not verified."""
    archive_bytes: int
    """The total size of the user's archives, including uploads in progress, in bytes."""
    volumes: int
    """The number of volumes, including detached ones and those of previews."""
    volume_bytes: int
    """
    The size of the files in all volumes at their last measurement and of their snapshots, in
    bytes.
    """


@frozen(kw_only=True)
class Quotas:
    """The limits for each user."""

    projects: int = 200
    """The maximum number of projects."""
    queued_deployments: int = 100
    """The maximum number of queued deployments."""
    domains: int = 100
    """The maximum number of custom domains."""
    unverified_domains: int = 20
    """The maximum number of custom domains that are not verified."""
    concurrent_plans: int = 2
    """
    The maximum number of concurrent plan requests from all users together. Each user can have only
    one.
    """
    archives: int = 10
    """The maximum number of archives per project, including uploads in progress."""
    archive_bytes: int = 2**30
    """The maximum total size of a user's archives, in bytes."""
    volumes: int = 200
    """The maximum number of volumes, including detached ones and those of previews."""
    volume_bytes: int | None = None
    """
    The total size of volumes and their snapshots at which no volume or snapshot can be created, in
    bytes. None means no limit.
    """
    env: EnvQuota = field(factory=EnvQuota)
    """The limits on environment variables of a project."""

    def require_project_quota(self, usage: QuotaUsage) -> None:
        """Raise QuotaReachedError if the user cannot have another project."""
        if usage.projects >= self.projects:
            raise QuotaReachedError(self.projects, "projects", "Delete a project you do not need")

    def require_domain_quota(self, usage: QuotaUsage) -> None:
        """Raise QuotaReachedError if the user cannot have another custom domain."""
        if usage.domains >= self.domains:
            raise QuotaReachedError(self.domains, "custom domains", "Delete one you do not need")
        if usage.unverified_domains >= self.unverified_domains:
            raise QuotaReachedError(
                self.unverified_domains, "unverified custom domains", "Verify or delete one of them"
            )

    def can_take_over(self, usage: QuotaUsage, domains: Collection[CustomDomain]) -> bool:
        """Return True if the user can take over *domains* without exceeding a quota."""
        claims = [domain for domain in domains if not domain.is_verified]
        bounds = (
            (len(domains), usage.domains, self.domains),
            (len(claims), usage.unverified_domains, self.unverified_domains),
        )
        return all(not more or held + more <= most for more, held, most in bounds)

    def require_queue_quota(self, usage: QuotaUsage) -> None:
        """
        Raise TooManyRequestsError if the user has too many queued deployments.

        Unlike other quotas, this quota is freed as workers claim deployments.
        """
        if usage.queued_deployments > self.queued_deployments:
            raise TooManyRequestsError(_QUEUE_RETRY_SECONDS)

    def require_archive_quota(self, usage: QuotaUsage, size: int) -> None:
        """Raise ArchiveQuotaError if *size* more bytes exceed the user's archive quota."""
        if usage.archive_bytes + size > self.archive_bytes:
            raise ArchiveQuotaError(_ARCHIVE_RETRY_SECONDS, self.archive_bytes)

    def require_volume_quota(self, usage: QuotaUsage) -> None:
        """Raise QuotaReachedError if the user cannot have another volume."""
        if usage.volumes >= self.volumes:
            raise QuotaReachedError(self.volumes, "volumes", "Purge one you do not need")
        self.require_storage_quota(usage)

    def require_storage_quota(self, usage: QuotaUsage) -> None:
        """Raise QuotaReachedError if the user cannot store more files or snapshots."""
        if self.volume_bytes is not None and usage.volume_bytes >= self.volume_bytes:
            raise QuotaReachedError(
                self.volume_bytes,
                "bytes in volumes and snapshots",
                "Delete snapshots or files, or purge a volume",
            )

    def can_store(self, usage: QuotaUsage, extra_bytes: int) -> bool:
        """Return True if the user can take over volumes with *extra_bytes* bytes."""
        if self.volume_bytes is None or not extra_bytes:
            return True
        return usage.volume_bytes + extra_bytes <= self.volume_bytes
