"""Tests run settings, which come from the project, then the repository, then the defaults."""

from typing import Any

import attrs
import pytest

from pushpaka_core.domain.deployments.run_settings import RunSettings, resolve_settings
from pushpaka_core.domain.pipeline.build_plans import Origin, RepositorySettings
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project

HTTP, TCP, NONE = HealthCheck


def test_defaults_are_used_without_settings() -> None:
    assert RunSettings() == RunSettings.of(a_project(a_user()))
    assert (3000, 1, HealthCheck.HTTP, 60, 30) == (
        RunSettings().port,
        RunSettings().replicas,
        RunSettings().health_check,
        RunSettings().health_check_timeout,
        RunSettings().rollback_window,
    )


def test_project_overrides_the_repository() -> None:
    project = a_project(a_user(), port=8080, health_check_path="/up")
    repository_settings = RepositorySettings(
        port=9090, replicas=3, rollback_window=0, memory_limit=256
    )

    settings = RunSettings.of(project, repository_settings)

    assert settings == RunSettings(
        port=8080, health_check_path="/up", rollback_window=0, replicas=3, memory_limit=256
    )
    assert {
        "port": Origin.PROJECT,
        "replicas": Origin.FILE,
        "health_check": Origin.DEFAULT,
        "health_check_path": Origin.PROJECT,
        "health_check_timeout": Origin.DEFAULT,
        "rollback_window": Origin.FILE,
        "cpu_limit": Origin.DEFAULT,
        "memory_limit": Origin.FILE,
    } == {chosen.name: chosen.origin for chosen in resolve_settings(project, repository_settings)}


@pytest.mark.parametrize(
    ("project", "repository", "expected"),
    [
        ({"health_check": TCP}, {"health_check_path": "/up"}, (TCP, None)),
        ({"health_check": HTTP}, {"health_check_path": "/up"}, (HTTP, "/up")),
        ({"health_check_path": "/up"}, {"health_check": TCP}, (HTTP, "/up")),
        ({}, {"health_check": NONE}, (NONE, None)),
        ({}, {"health_check_path": "/up"}, (HTTP, "/up")),
    ],
)
def test_project_setting_drops_a_conflicting_repository_setting(
    project: dict[str, Any], repository: dict[str, Any], expected: tuple[HealthCheck, str | None]
) -> None:
    settings = RunSettings.of(a_project(a_user(), **project), RepositorySettings(**repository))

    assert expected == (settings.health_check, settings.health_check_path)


def test_projects_and_repositories_have_every_setting() -> None:
    """Except volumes, which are entities of their own."""
    names = {field.name for field in attrs.fields(RunSettings)} - {"volumes"}

    assert names <= {field.name for field in attrs.fields(Project)}
    assert names <= {field.name for field in attrs.fields(RepositorySettings)}
