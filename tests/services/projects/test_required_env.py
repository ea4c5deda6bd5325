"""Environment variables that a repository requires must be set before the build or start."""

import pytest
from tests.platform_fixtures import Platform

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project

pytestmark = pytest.mark.anyio

S = DeploymentStatus
REQUIRING_ENV_VARS = {"pushpaka.toml": "env.required = ['DATABASE_URL', 'SECRET_KEY', 'A']\n"}


async def test_missing_env_vars_fail_before_the_build(platform: Platform, shop: Project) -> None:
    platform.commit(**REQUIRING_ENV_VARS)
    await platform.set_env(shop, A="1")

    failed = await platform.deploy(shop)

    assert (S.FAILED, Phase.BUILD) == (failed.status, failed.phase)
    assert (
        "DATABASE_URL, SECRET_KEY are required by pushpaka.toml but not set for production."
        " Set them and deploy again."
    ) == failed.error
    log = "\n".join(await platform.messages(failed.id))
    assert "the repository requires DATABASE_URL, SECRET_KEY (not set)" in log
    assert {} == await platform.builder.artifacts()


async def test_a_promotion_requires_the_env_vars_of_production(
    platform: Platform, shop: Project
) -> None:
    platform.commit(**REQUIRING_ENV_VARS)
    keys = ("A", "DATABASE_URL", "SECRET_KEY")
    await platform.application.env_vars.set_many(
        platform.owner,
        [NewEnvVar(project_id=shop.id, key=key, value="x", scope=EnvScope.PREVIEW) for key in keys],
    )
    await platform.enqueue(shop, target="preview:next")
    preview = await platform.work()

    await platform.application.deployments.promote(platform.owner, preview.id)
    promoted = await platform.work()

    assert (S.RUNNING, S.FAILED) == (preview.status, promoted.status)
    assert "are required by pushpaka.toml but not set for production" in str(promoted.error)


async def test_replicas_and_health_check_in_the_repository_file_apply(
    platform: Platform, shop: Project
) -> None:
    platform.commit(**{"pushpaka.toml": "replicas = 2\nhealth_check.path = '/up'\n"})

    running = await platform.deploy(shop)
    platform.prober.probes.clear()
    await platform.worker_services.instance_supervisor.check_liveness()

    assert 2 == len(await platform.instances(running.id))
    assert ["/up", "/up"] == [probe.path for probe in platform.prober.probes]
