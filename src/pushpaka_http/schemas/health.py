"""How the health of the platform looks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from attrs import frozen

if TYPE_CHECKING:
    from pushpaka_core.services.health import Health


@frozen(kw_only=True, slots=False)
class HealthResponse:
    """What works and what does not."""

    status: str
    """"ok", or "degraded" where something that is configured does not work."""
    version: str
    checks: Mapping[str, bool | None]

    @classmethod
    def of(cls, health: "Health") -> Self:
        """Show *health*."""
        is_degraded = not health.is_ok or False in health.checks.values()
        return cls(
            status="degraded" if is_degraded else "ok",
            version=health.version,
            checks=health.checks,
        )


@frozen(kw_only=True, slots=False)
class ReadinessResponse:
    """That this process can serve."""

    status: str
