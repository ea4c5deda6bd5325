"""Health checks."""

from enum import StrEnum


class HealthCheck(StrEnum):
    """The kind of health check of an application's web process."""

    HTTP = "http"
    """An HTTP request: 2xx or 3xx on the health check path, or a status below 500 on `/`."""
    TCP = "tcp"
    """A connection to the port. It must stay open for 5 s."""
    NONE = "none"
    """No request is sent. The process must keep running for 5 s."""

    @property
    def uses_path(self) -> bool:
        """Return True if the check requests a path."""
        return self is HealthCheck.HTTP


def health_check_problems(health_check: HealthCheck | None, path: str | None) -> dict[str, str]:
    """Return a problem for each field if the two settings contradict each other."""
    if path is None or health_check is None or health_check.uses_path:
        return {}
    return {
        "health_check": 'must be "http" while a health_check_path is set',
        "health_check_path": f'must be empty: the health check "{health_check}" requests no path',
    }
