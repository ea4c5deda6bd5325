"""What a repository requires has to be set before anything is built or started."""

import pytest
from tests.services.platform import Platform

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects import Project

pytestmark = pytest.mark.anyio

S = DeploymentStatus
NEEDY = {"pushpaka.toml": "env.required = ['DATABASE_URL', 'SECRET_KEY', 'A']\n"}


async def test_what_is_not_set_fails_the_deployment_before_the_build(
    platform: Platform, shop: Project
) -> None:
    """All that is missing is named, and nothing was made."""
    platform.commit(**NEEDY)
    await platform.set_env(shop, A="1")

    failed = await platform.served(shop)

    assert (S.FAILED, Phase.BUILD) == (failed.status, failed.phase)
    assert (
        "DATABASE_URL, SECRET_KEY are required by pushpaka.toml, and not set for production."
        " Set them and deploy again."
    ) == failed.error
    said = "\n".join(await platform.said(failed.id))
    assert "the repository requires DATABASE_URL, SECRET_KEY: not set" in said
    assert {} == await platform.builder.artifacts()


async def test_what_is_set_is_enough(platform: Platform, shop: Project) -> None:
    """An empty value is a value."""
    platform.commit(**NEEDY)
    await platform.set_env(shop, A="", DATABASE_URL="x", SECRET_KEY="y")

    running = await platform.served(shop)

    assert S.RUNNING is running.status


async def test_a_promotion_is_asked_for_productions_own(platform: Platform, shop: Project) -> None:
    """A preview has what production has not: the release is not started there."""
    platform.commit(**NEEDY)
    keys = ("A", "DATABASE_URL", "SECRET_KEY")
    await platform.application.env_vars.set_many(
        platform.owner,
        [NewEnvVar(project_id=shop.id, key=key, value="x", scope=EnvScope.PREVIEW) for key in keys],
    )
    await platform.queued(shop, target="preview:next")
    preview = await platform.work()

    await platform.application.deployments.promote(platform.owner, preview.id)
    promoted = await platform.work()

    assert (S.RUNNING, S.FAILED) == (preview.status, promoted.status)
    assert "are required by pushpaka.toml, and not set for production" in str(promoted.error)


async def test_replicas_and_health_of_the_file_hold(platform: Platform, shop: Project) -> None:
    """They are in force where the project says nothing, also when instances are looked after."""
    platform.commit(**{"pushpaka.toml": "replicas = 2\nhealth_check.path = '/up'\n"})

    running = await platform.served(shop)
    platform.prober.probes.clear()
    await platform.engine.tending.check_liveness()

    assert 2 == len(await platform.instances(running.id))
    assert ["/up", "/up"] == [probe.path for probe in platform.prober.probes]
