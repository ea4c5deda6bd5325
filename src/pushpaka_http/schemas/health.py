"""Response bodies for health checks of the platform."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from attrs import frozen

if TYPE_CHECKING:
    from pushpaka_core.services.platform.platform_health import PlatformHealth


@frozen(kw_only=True, slots=False)
class HealthResponse:
    """The health of the platform and of its components."""

    status: str
    """"ok", or "degraded" if a configured component does not work."""
    version: str
    """Version of Pushpaka."""
    checks: Mapping[str, bool | None]
    """Whether each component works, by name; null if it is not configured or cannot be checked."""

    @classmethod
    def of(cls, health: "PlatformHealth") -> Self:
        """Return the response for *health*."""
        is_degraded = not health.is_ok or False in health.checks.values()
        return cls(
            status="degraded" if is_degraded else "ok",
            version=health.version,
            checks=health.checks,
        )


@frozen(kw_only=True, slots=False)
class ReadinessResponse:
    """The process can serve requests."""

    status: str
    """Always "ready"."""
