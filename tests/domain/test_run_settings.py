"""How a release is run: the project's word, then the repository's, then what is usual."""

import attrs

from pushpaka_core.domain.build_plans import Origin, RepositorySettings
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings, choose_settings
from pushpaka_core.testing.objects import a_project, a_user


def test_where_nothing_is_said_it_is_as_usual() -> None:
    """A port, one instance, a minute for its health, and no limits."""
    assert RunSettings() == RunSettings.of(a_project(a_user()))
    assert (3000, 1, 60) == (
        RunSettings().port,
        RunSettings().replicas,
        RunSettings().health_check_timeout,
    )


def test_the_project_beats_the_repository() -> None:
    """Each setting by itself: what the project leaves open is the repository's to say."""
    project = a_project(a_user(), port=8080, health_check_path="/up")
    said = RepositorySettings(port=9090, replicas=3, memory_limit=256)

    settings = RunSettings.of(project, said)

    assert settings == RunSettings(port=8080, health_check_path="/up", replicas=3, memory_limit=256)
    assert {
        "port": Origin.PROJECT,
        "replicas": Origin.FILE,
        "health_check_path": Origin.PROJECT,
        "health_check_timeout": Origin.DEFAULT,
        "cpu_limit": Origin.DEFAULT,
        "memory_limit": Origin.FILE,
    } == {chosen.name: chosen.origin for chosen in choose_settings(project, said)}


def test_both_can_say_every_setting() -> None:
    """A setting has one name, whoever says it."""
    names = {field.name for field in attrs.fields(RunSettings)}

    assert names <= {field.name for field in attrs.fields(Project)}
    assert names <= {field.name for field in attrs.fields(RepositorySettings)}
