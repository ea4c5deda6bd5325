"""Error messages for instances that did not become healthy."""

from collections.abc import Mapping

from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.projects.health_checks import HealthCheck

_DEFAULT_REMEDY = "Check its last output, fix the app or its start command, and deploy again."
_REMEDIES: Mapping[str, str] = {
    "more memory than its limit": "Raise memory_limit, or reduce the memory use of the app.",
    "exited with code 0": (
        "It must keep running: start it in the foreground, without a daemon or background mode, "
        "and check its last output."
    ),
    "exited with code 126": "Its start command is not executable. Correct it, and deploy again.",
    "exited with code 127": (
        "A command was not found. Check the start command and whether the build installs the "
        "program."
    ),
}
"""Remedies, by a string that the exit description contains."""


def exit_error(process_type: str, exit_description: str) -> str:
    """
    Return the error message for a process that exited before it was healthy.

    Args:
        process_type: The type of the process, for example "web".
        exit_description: How the process ended, as returned by `Exit.description`.
    """
    remedy = next(
        (text for part, text in _REMEDIES.items() if part in exit_description), _DEFAULT_REMEDY
    )
    return f"The {process_type} process {exit_description}. {remedy}"


def health_check_remedy(settings: RunSettings) -> str:
    """Return a hint on how an app that listens on its port can pass its health check."""
    options = "health_check or health_check_timeout"
    match settings.health_check:
        case HealthCheck.HTTP:
            path = settings.health_check_path
            status = "2xx or 3xx" if path else "a status below 500"
            wanted = f"must respond to GET {path or '/'} over IPv4 with {status}"
            options = f"health_check_path, {options}"
        case HealthCheck.TCP:
            wanted = "must accept a connection over IPv4 and keep it open"
        case HealthCheck.NONE:
            wanted = "must keep running"
    return f"The app {wanted}. Check its last output, or change {options}."
