"""Databases: their servers, their volumes, and the variables with their URLs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from attrs import evolve
from tests.platform_fixtures import Platform
from tests.services.deployments.test_previews import reconcile
from tests.services.instances.test_rolling_restart import reconcile as run_restarts

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.databases.databases import (
    Database,
    DatabaseAttachment,
    DatabasePurge,
    DatabaseStatus,
    NewDatabase,
)
from pushpaka_core.domain.deployments.deployments import NewDeployment
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project, ProjectChanges
from pushpaka_core.domain.volumes.volumes import RETENTION, NewVolume, VolumeAttachment
from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    InvalidInputError,
    NotFoundError,
)
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.services.databases.databases import DatabaseService

pytestmark = pytest.mark.anyio

S = DatabaseStatus
URL = "DATABASE_URL"


def service(platform: Platform) -> DatabaseService:
    return platform.application.databases


async def create(platform: Platform, project: Project, **fields: Any) -> Database:
    new = NewDatabase(project_id=project.id, **fields)
    return await service(platform).create(platform.owner, new)


async def create_running(platform: Platform, project: Project, **fields: Any) -> Database:
    """Create a database, and wait until its server is running."""
    database = await create(platform, project, **fields)
    await platform.work()
    return await service(platform).get(platform.owner, database.volume.id)


async def detach(platform: Platform, database: Database) -> Database:
    """Detach a database, and stop its server."""
    detached = await service(platform).detach(platform.owner, database.volume.id)
    await reconcile(platform)
    return detached


async def variables(platform: Platform, project: Project) -> Sequence[tuple[str, EnvScope]]:
    found = await platform.application.env_vars.of_project(platform.owner, project.id)
    return [(one.key, one.scope) for one in found]


def server(platform: Platform) -> StartRequest:
    """Return how the only server of a database was started."""
    (request,) = (one for one in platform.runtime.running.values() if one.network_alias)
    return request


def app_env(platform: Platform) -> Mapping[str, str]:
    """Return the environment of the only app that is running."""
    (request,) = (one for one in platform.runtime.running.values() if not one.network_alias)
    return request.env


async def test_a_server_runs_with_its_volume_and_without_the_variables_of_the_app(
    platform: Platform, shop: Project
) -> None:
    await platform.set_env(shop, APP_SECRET="correct horse")
    changes = ProjectChanges(health_check_path="/health", replicas=3, start_command="python app.py")
    await platform.application.projects.change(platform.owner, shop.id, changes)

    database = await create_running(platform, shop)

    started = server(platform)
    assert S.RUNNING is database.status
    assert (database.volume.mount,) == started.settings.volumes
    assert ("database-main", 1, None) == (
        started.network_alias,
        started.settings.replicas,
        started.settings.health_check_path,
    )
    assert {"DATABASE_USER", "DATABASE_NAME", "DATABASE_PASSWORD"} <= set(started.env)
    assert "APP_SECRET" not in started.env
    assert "exec sh serve.sh" == started.plan.processes["web"].command
    assert {} == platform.routes()


async def test_the_next_production_deployment_gets_the_url(
    platform: Platform, shop: Project
) -> None:
    database = await create_running(platform, shop)
    password, port = server(platform).env["DATABASE_PASSWORD"], database.server.port

    await platform.deploy(shop)

    assert [(URL, EnvScope.PRODUCTION)] == await variables(platform, shop)
    assert f"postgresql://app:{password}@127.0.0.1:{port}/app" == app_env(platform)[URL]


async def test_a_server_keeps_its_port(platform: Platform, shop: Project) -> None:
    """It is reserved while the server is stopped, and other instances get other ports."""
    database = await create_running(platform, shop)
    first = server(platform).instance
    await service(platform).restart(platform.owner, database.volume.id)
    await run_restarts(platform, times=4)
    restarted = server(platform).instance
    await detach(platform, database)

    app = await platform.deploy(shop)

    assert first.name != restarted.name
    assert database.server.port == first.port == restarted.port
    assert first.port in platform.options.instance_ports
    assert first.port != (await platform.instance(app.id)).port


async def test_detached_databases_keep_their_data_for_a_week(
    platform: Platform, shop: Project
) -> None:
    database = await create_running(platform, shop)

    detached = await detach(platform, database)
    again = await service(platform).detach(platform.owner, database.volume.id)

    assert S.DETACHED is detached.status is again.status
    assert platform.clock() + RETENTION == detached.volume.purge_after
    assert [] == await variables(platform, shop)
    assert {} == platform.runtime.running
    assert {database.volume.id} == await platform.volume_files.ids()


async def test_attached_databases_have_the_same_url(platform: Platform, shop: Project) -> None:
    database = await create_running(platform, shop)
    before = server(platform).env
    await detach(platform, database)

    attached = await service(platform).attach(
        platform.owner, database.volume.id, DatabaseAttachment()
    )
    await platform.work()

    assert S.STARTING is attached.status
    assert before["DATABASE_PASSWORD"] == server(platform).env["DATABASE_PASSWORD"]
    assert [(URL, EnvScope.PRODUCTION)] == await variables(platform, shop)


async def test_databases_outlive_their_project(platform: Platform, shop: Project) -> None:
    database = await create_running(platform, shop)
    await platform.application.projects.delete(platform.owner, shop.id)
    await platform.worker_services.garbage_collector.projects.delete_projects()
    other, volume_id = await platform.project("other"), database.volume.id

    with pytest.raises(ConflictError, match="Choose a different project"):
        await service(platform).attach(platform.owner, volume_id, DatabaseAttachment())
    attachment = DatabaseAttachment(project_id=other.id)
    attached = await service(platform).attach(platform.owner, volume_id, attachment)
    await platform.work()

    assert other.id == attached.volume.project_id
    assert (attached.volume.mount,) == server(platform).settings.volumes


async def test_purged_databases_are_gone(platform: Platform, shop: Project) -> None:
    database = await create_running(platform, shop)
    volume_id, name = database.volume.id, DatabasePurge(name="main")
    with pytest.raises(ConflictError, match="Detach it first"):
        await service(platform).purge(platform.owner, volume_id, name)
    await service(platform).detach(platform.owner, volume_id)
    with pytest.raises(ConflictError, match="still being stopped"):
        await service(platform).purge(platform.owner, volume_id, name)
    await reconcile(platform)
    with pytest.raises(InvalidInputError, match='must be "main"'):
        await service(platform).purge(platform.owner, volume_id, DatabasePurge(name="other"))

    await service(platform).purge(platform.owner, volume_id, name)

    assert [] == await service(platform).all(platform.owner)
    assert set() == await platform.volume_files.ids()


@pytest.mark.parametrize("scope", [EnvScope.ALL, EnvScope.PRODUCTION])
async def test_a_variable_of_the_user_is_never_replaced(
    platform: Platform, shop: Project, scope: EnvScope
) -> None:
    new = NewEnvVar(project_id=shop.id, key=URL, value="sqlite:///data/db", scope=scope)
    await platform.application.env_vars.set(platform.owner, new)

    with pytest.raises(InvalidInputError, match=f"already has a variable {URL}"):
        await create(platform, shop)

    await create(platform, shop, env_name="OTHER_URL")
    assert [(URL, scope), ("OTHER_URL", EnvScope.PRODUCTION)] == await variables(platform, shop)


async def test_a_changed_variable_is_kept_when_the_database_is_detached(
    platform: Platform, shop: Project
) -> None:
    database = await create_running(platform, shop)
    scope = EnvScope.PRODUCTION
    new = NewEnvVar(project_id=shop.id, key=URL, value="postgresql://elsewhere", scope=scope)
    await platform.application.env_vars.set(platform.owner, new)

    await detach(platform, database)

    assert [(URL, scope)] == await variables(platform, shop)


async def test_names_are_unique_in_a_project(platform: Platform, shop: Project) -> None:
    first = await create_running(platform, shop)
    with pytest.raises(DuplicateError, match="database name"):
        await create(platform, shop, env_name="OTHER_URL")
    await detach(platform, first)
    await create(platform, shop)

    with pytest.raises(DuplicateError, match="database name"):
        await service(platform).attach(platform.owner, first.volume.id, DatabaseAttachment())


async def test_versions_that_the_runtime_does_not_offer_are_rejected(
    platform: Platform, shop: Project
) -> None:
    with pytest.raises(InvalidInputError, match="must be one of"):
        await create(platform, shop, version="9")


async def test_a_failed_server_is_started_again(platform: Platform, shop: Project) -> None:
    platform.runtime.early_exit = "exited with code 1"
    failed = await create_running(platform, shop)
    platform.runtime.early_exit = None

    await service(platform).restart(platform.owner, failed.volume.id)
    await platform.work()
    running = await service(platform).get(platform.owner, failed.volume.id)

    assert S.FAILED is failed.status
    assert failed.error is not None
    assert (S.RUNNING, None) == (running.status, running.error)


async def test_detached_databases_cannot_be_started(platform: Platform, shop: Project) -> None:
    """Neither with the database nor with its last deployment."""
    database = await create_running(platform, shop)
    await detach(platform, database)

    with pytest.raises(ConflictError, match="Attach it first"):
        await service(platform).restart(platform.owner, database.volume.id)
    assert database.deployment_id is not None
    with pytest.raises(ConflictError):
        await platform.application.deployments.redeploy(platform.owner, database.deployment_id)


async def test_a_server_whose_database_is_detached_meanwhile_does_not_start(
    platform: Platform, shop: Project
) -> None:
    """It would start with an empty volume."""
    database = await create(platform, shop)
    async with platform.storage.transaction() as uow:
        detached = database.volume.detach(now=platform.clock())
        await uow.volumes.update(detached)

    deployment = await platform.work()

    assert "The database was detached. Attach it again to start its server." == deployment.error
    assert {} == platform.runtime.running


async def test_servers_are_not_previews(platform: Platform, shop: Project) -> None:
    """They are neither promoted, nor listed, nor ended as previews when they are idle."""
    database = await create_running(platform, shop)
    assert database.deployment_id is not None
    with pytest.raises(ConflictError, match="Only a preview can be promoted"):
        await platform.application.deployments.promote(platform.owner, database.deployment_id)
    for number in range(platform.options.max_previews + 1):
        new = NewDeployment(project_id=shop.id, target=f"preview:{number}", branch="main")
        await platform.application.deployments.deploy(platform.owner, new)
        await platform.work()

    platform.clock.advance(2 * platform.options.preview_retention.total_seconds())
    await reconcile(platform)

    assert S.RUNNING is (await service(platform).get(platform.owner, database.volume.id)).status


async def test_databases_are_not_volumes_for_users(platform: Platform, shop: Project) -> None:
    database = await create_running(platform, shop)
    volumes, volume_id = platform.application.volumes, database.volume.id

    assert [] == await volumes.all(platform.owner)
    with pytest.raises(NotFoundError, match="volume"):
        await volumes.detach(platform.owner, volume_id)
    with pytest.raises(NotFoundError, match="volume"):
        await volumes.attach(platform.owner, volume_id, VolumeAttachment())
    with pytest.raises(NotFoundError, match="volume"):
        await platform.application.snapshots.take(platform.owner, volume_id)


async def test_volumes_are_not_databases(platform: Platform, shop: Project) -> None:
    new = NewVolume(project_id=shop.id, name="media", mount_path="media")
    media = await platform.application.volumes.create(platform.owner, new)

    for volume_id in (media.id, VolumeId(platform.new_id())):
        with pytest.raises(NotFoundError, match="database"):
            await service(platform).get(platform.owner, volume_id)


async def test_strangers_see_no_databases(platform: Platform, shop: Project) -> None:
    database, eve = await create(platform, shop), await platform.sign_up("eve@example.com")

    with pytest.raises(NotFoundError, match="database"):
        await service(platform).get(eve, database.volume.id)
    assert [] == await service(platform).all(eve)


async def test_passwords_are_encrypted_for_their_volume(platform: Platform, shop: Project) -> None:
    database = await create(platform, shop)
    async with platform.storage.snapshot() as uow:
        stored = await uow.volumes.visible_to(PLATFORM).get(database.volume.id)

    assert stored.server_password is not None
    assert evolve(stored, id=VolumeId(platform.new_id())).secret_context != stored.secret_context
