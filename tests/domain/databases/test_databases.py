"""Databases: their status, their URLs, and the names of their targets."""

import pytest

from pushpaka_core.domain.databases.databases import (
    Database,
    DatabaseStatus,
    NewDatabase,
    server_project,
)
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.target_names import check_target, database_of
from pushpaka_core.domain.volumes.servers import DatabaseKind, DatabaseServer
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_target
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON, a_secret, an_id
from pushpaka_core.testing.objects.volumes import a_volume

S, D = DatabaseStatus, DeploymentStatus
SERVER = DatabaseServer(kind=DatabaseKind.POSTGRES, version="17", env_name="DATABASE_URL")
PROJECT = a_project(a_user())


def deployment(status: DeploymentStatus, **fields: object) -> Deployment:
    return a_deployment(PROJECT, status=status, target="database:main", **fields)


def volume() -> Volume:
    return a_volume(PROJECT, target="database:main", server=SERVER)


@pytest.mark.parametrize(
    ("active", "newest", "is_stopped", "status"),
    [
        (None, D.QUEUED, False, S.STARTING),
        (None, D.BUILDING, False, S.STARTING),
        (None, D.FAILED, False, S.FAILED),
        (D.RUNNING, D.RUNNING, False, S.RUNNING),
        (D.RUNNING, D.QUEUED, False, S.RUNNING),
        (D.CRASHED, D.CRASHED, False, S.CRASHED),
        (D.CRASHED, D.QUEUED, False, S.STARTING),
        (D.STOPPED, D.STOPPED, True, S.STOPPED),
        (D.STOPPED, D.QUEUED, True, S.STARTING),
    ],
)
def test_the_status_follows_from_the_deployments_of_the_server(
    active: DeploymentStatus | None,
    newest: DeploymentStatus,
    is_stopped: bool,
    status: DatabaseStatus,
) -> None:
    last = deployment(newest)
    serving = None if active is None else deployment(active)
    target = None if serving is None else a_target(serving)
    if target is not None and is_stopped:
        target = target.stop(now=NOON)

    assert status is Database.of(volume(), target, serving, last).status


def test_detached_databases_have_no_server() -> None:
    detached = Database.of(volume().detach(now=NOON), newest=deployment(D.RUNNING))

    assert (S.DETACHED, None) == (detached.status, detached.deployment_id)


def test_failed_servers_have_a_reason() -> None:
    failed = deployment(D.FAILED, error="The disk is full.")

    assert "The disk is full." == Database.of(volume(), newest=failed).error


@pytest.mark.parametrize(
    ("port", "place"), [(None, "database-main:5432"), (5433, "127.0.0.1:5433")]
)
def test_urls_contain_the_address_of_the_runtime(port: int | None, place: str) -> None:
    server = DatabaseServer(
        kind=DatabaseKind.POSTGRES, version="16", env_name="DATABASE_URL", port=port
    )

    assert f"postgresql://app:sesame@{place}/app" == server.url("main", "sesame")


def test_passwords_in_urls_are_masked_on_their_own() -> None:
    redactor = Redactor.of([SERVER.url("main", "open-sesame")])

    assert "password: ***, user: app" == redactor.redact("password: open-sesame, user: app")


def test_servers_have_none_of_the_settings_of_the_app() -> None:
    app = a_project(
        a_user(),
        root_dir="apps/web",
        health_check=HealthCheck.NONE,
        replicas=3,
        git_token=a_secret(),
    )

    server = server_project(app)

    assert (app.id, app.number, app.user_id) == (server.id, server.number, server.user_id)
    assert (None,) * 4 == (server.root_dir, server.health_check, server.replicas, server.git_token)


def test_users_do_not_deploy_to_databases() -> None:
    with pytest.raises(ValueError, match='must be "production" or "preview:<branch>"'):
        check_target("database:main")
    assert ("main", None) == (database_of("database:main"), database_of("preview:database:main"))


@pytest.mark.parametrize("version", ["", "17.2", "latest", "1" * 100])
def test_versions_are_major_versions(version: str) -> None:
    with pytest.raises(InvalidInputError, match='such as "17"'):
        NewDatabase(project_id=ProjectId(an_id()), version=version)
