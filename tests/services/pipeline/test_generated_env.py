"""Secrets that a repository declares are generated once, stored and never shown."""

import json

import pytest
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform

from pushpaka_core.container.application import assemble
from pushpaka_core.domain.deployments.plans import PlanRequest
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.projects.env_vars import EnvQuota, EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import BuildError

pytestmark = pytest.mark.anyio

S = DeploymentStatus
ASKING = {
    "app.json": json.dumps(
        {"env": {"SECRET_KEY": {"generator": "secret"}, "MODE": {"value": "fast"}}}
    )
}


async def test_a_secret_is_generated_once_and_kept(platform: Platform, shop: Project) -> None:
    platform.commit(**ASKING)
    planned = await platform.application.plans.plan(platform.owner, shop.id, PlanRequest())

    seen = []
    for _ in range(2):
        running = await platform.deploy(shop)
        instance = await platform.instance(running.id)
        seen += [platform.builder.requests[-1].env, platform.runtime.running[instance.name].env]
    await platform.application.deployments.redeploy(platform.owner, running.id)
    redeployed = await platform.work()
    instance = await platform.instance(redeployed.id)
    seen.append(platform.runtime.running[instance.name].env)

    assert 64 == len(seen[0]["SECRET_KEY"])
    assert {(seen[0]["SECRET_KEY"], "fast")} == {(e["SECRET_KEY"], e["MODE"]) for e in seen}
    assert [("SECRET_KEY", EnvScope.PRODUCTION, 1)] == await _stored_keys(platform, shop)
    assert (("SECRET_KEY",), ()) == (planned.env_to_generate, planned.missing_env)
    assert not (await platform.application.projects.get(platform.owner, shop.id)).env_changed


async def test_preview_has_its_own_secret(platform: Platform, shop: Project) -> None:
    platform.commit(**ASKING)

    await platform.enqueue(shop, target="preview:one")
    await platform.work()
    await platform.enqueue(shop, target="preview:two")
    preview = await platform.work()
    await platform.application.deployments.promote(platform.owner, preview.id)
    promoted = await platform.work()

    one, two = [request.env["SECRET_KEY"] for request in platform.builder.requests]
    instance = await platform.instance(promoted.id)
    assert one == two
    assert one != platform.runtime.running[instance.name].env["SECRET_KEY"]
    assert ["preview", "production"] == [
        scope for _, scope, _ in await _stored_keys(platform, shop)
    ]


@pytest.mark.parametrize("scope", [EnvScope.ALL, EnvScope.PRODUCTION])
async def test_a_value_of_the_project_is_never_replaced(
    platform: Platform, shop: Project, scope: EnvScope
) -> None:
    platform.commit(**ASKING)
    await platform.enqueue(shop)
    own = NewEnvVar(project_id=shop.id, key="SECRET_KEY", value="my own", scope=scope)
    await platform.application.env_vars.set(platform.owner, own)

    await platform.work()
    await platform.set_env(shop, MODE="slow")
    await platform.deploy(shop)

    queued_before, after = [request.env for request in platform.builder.requests]
    assert ["my own", "my own"] == [queued_before["SECRET_KEY"], after["SECRET_KEY"]]
    assert ["fast", "slow"] == [queued_before["MODE"], after["MODE"]]
    assert ("SECRET_KEY", scope, 1) in await _stored_keys(platform, shop)


async def test_a_retry_uses_the_secret_of_the_failed_attempt(
    platform: Platform, shop: Project
) -> None:
    platform.commit(**ASKING)
    platform.builder.failure = BuildError("It broke.")
    failed = await platform.deploy(shop)
    platform.builder.failure = None

    running = await platform.deploy(shop)

    first, second = [request.env["SECRET_KEY"] for request in platform.builder.requests]
    assert (S.FAILED, S.RUNNING) == (failed.status, running.status)
    assert first == second


async def test_a_full_project_fails_and_names_the_secrets(
    platform: Platform, shop: Project
) -> None:
    quotas = evolve(OPTIONS.quotas, env=EnvQuota(count=1))
    engine = assemble(platform.adapters, evolve(OPTIONS, quotas=quotas)).worker_services
    platform.commit(**ASKING)
    await platform.set_env(shop, A="1")
    queued = await platform.enqueue(shop)

    await engine.pipeline.prepare(await platform.claim())

    failed = await platform.stored_deployment(queued.id)
    assert S.FAILED is failed.status
    assert (
        "SECRET_KEY cannot be generated: a project can have at most 1 environment variables. "
        "Delete variables that are no longer needed, and deploy again."
    ) == failed.error
    assert [("A", EnvScope.ALL, 1)] == await _stored_keys(platform, shop)


async def _stored_keys(platform: Platform, project: Project) -> list[tuple[str, EnvScope, int]]:
    """Return the key, scope and version of each environment variable of a project."""
    kept = await platform.application.env_vars.of_project(platform.owner, project.id)
    return [(one.key, one.scope, one.version) for one in kept]
