"""How much one user may have, so that nobody takes all there is."""

from collections.abc import Collection

from attrs import field, frozen

from pushpaka_core.domain.custom_domains import CustomDomain
from pushpaka_core.domain.env_vars import EnvQuota
from pushpaka_core.errors import QuotaReachedError, TooManyRequestsError

_WAIT_SECONDS = 30
"""By then something of a long queue is usually done."""


@frozen(kw_only=True)
class Holding:
    """How much a user has now."""

    projects: int
    waiting: int
    """Deployments that wait for a worker."""
    domains: int
    claims: int
    """Domains among them that are not proven."""


@frozen(kw_only=True)
class Quotas:
    """How much a user may have."""

    projects: int = 200
    waiting: int = 100
    domains: int = 100
    claims: int = 20
    plans: int = 2
    """That are made at once, for all users together; a user has one of them at most."""
    archives: int = 10
    """That a project may have, the ones that still arrive included."""
    env: EnvQuota = field(factory=EnvQuota)

    def check_project(self, holding: Holding) -> None:
        """Pass where there is room for one more, or raise QuotaReachedError."""
        if holding.projects >= self.projects:
            raise QuotaReachedError(self.projects, "projects", "Delete one that is not needed")

    def check_domain(self, holding: Holding) -> None:
        """Pass where there is room for one more, or raise QuotaReachedError."""
        if holding.domains >= self.domains:
            raise QuotaReachedError(self.domains, "custom domains", "Delete one that is not needed")
        if holding.claims >= self.claims:
            raise QuotaReachedError(
                self.claims, "custom domains that are not proven", "Prove or delete one of them"
            )

    def has_room_for(self, holding: Holding, domains: Collection[CustomDomain]) -> bool:
        """Tell whether *domains* of somebody else would not be too many more."""
        claims = [domain for domain in domains if not domain.is_verified]
        bounds = (
            (len(domains), holding.domains, self.domains),
            (len(claims), holding.claims, self.claims),
        )
        return all(not more or held + more <= most for more, held, most in bounds)

    def check_waiting(self, holding: Holding) -> None:
        """Pass unless too much waits, or raise TooManyRequestsError: it becomes less by itself."""
        if holding.waiting > self.waiting:
            raise TooManyRequestsError(_WAIT_SECONDS)
