"""Tests that errors of applications that do not start contain the cause and the remedy."""

import pytest

from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.instances.start_failures import exit_error, health_check_remedy
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.ports.processes import Exit

MEBIBYTE = 2**20


@pytest.mark.parametrize(
    ("exit_", "remedy"),
    [
        (Exit(code=0), "start it in the foreground"),
        (Exit(code=1), "Check its last output, fix the app"),
        (Exit(code=10), "Check its last output, fix the app"),
        (Exit(code=126), "not executable"),
        (Exit(code=127), "Check the start command and whether the build installs the program."),
        (Exit(signal=11), "Check its last output, fix the app"),
        (Exit(signal=9, memory_limit=64 * MEBIBYTE), "Raise memory_limit"),
        (Exit(code=1, memory_limit=64 * MEBIBYTE), "Raise memory_limit"),
        (Exit(), "Check its last output, fix the app"),
    ],
    ids=lambda value: value.description if isinstance(value, Exit) else "",
)
def test_exit_is_explained(exit_: Exit, remedy: str) -> None:
    message = exit_error("web", exit_.description)

    assert message.startswith(f"The web process {exit_.description}. ")
    assert remedy in message


@pytest.mark.parametrize(
    ("settings", "expected_response"),
    [
        (RunSettings(), "must respond to GET / over IPv4 with a status below 500."),
        (
            RunSettings(health_check_path="/up"),
            "must respond to GET /up over IPv4 with 2xx or 3xx.",
        ),
        (RunSettings(health_check=HealthCheck.TCP), "keep it open."),
        (RunSettings(health_check=HealthCheck.NONE), "must keep running."),
    ],
)
def test_remedy_names_the_expected_response(settings: RunSettings, expected_response: str) -> None:
    message = health_check_remedy(settings)

    assert expected_response in message
    assert "health_check_timeout" in message
