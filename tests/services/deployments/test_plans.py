"""Plans show what a deployment would do, and are limited in number."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import create_task_group, sleep
from tests.platform_fixtures import Platform
from tests.service_fixtures import REPO

from pushpaka_core.adapters.memory.source import MemoryCommit
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.plans import PlanRequest
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.pipeline.build_plans import Origin
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import (
    PlanFailedError,
    PlatformFaultError,
    SourceError,
    TooManyRequestsError,
    UnavailableError,
)

pytestmark = pytest.mark.anyio

AS_DEPLOYED = PlanRequest()
REQUIRING_ENV_VARS = {"pushpaka.toml": "replicas = 2\nenv.required = ['A', 'B']\n"}


@asynccontextmanager
async def run_plan(platform: Platform, actor: Actor, project: Project) -> AsyncIterator[None]:
    """Keep a plan that *actor* requested running until the block ends."""
    platform.source.is_hanging = True
    async with create_task_group() as tasks:
        tasks.start_soon(platform.application.plans.plan, actor, project.id, AS_DEPLOYED)
        while actor.user_id not in platform.application.plans._slots._users:
            await sleep(0.01)
        platform.source.is_hanging = False
        yield
        tasks.cancel_scope.cancel()


async def test_a_plan_equals_the_plan_of_a_deployment(platform: Platform, shop: Project) -> None:
    platform.commit(**REQUIRING_ENV_VARS)
    await platform.set_env(shop, A="1", B="2")

    planned = await platform.application.plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    running = await platform.deploy(shop)
    (release,) = await platform.releases()
    assert release.plan == planned.plan
    assert (running.commit_sha, running.branch) == (planned.commit_sha, planned.branch)
    assert 1 == running.sequence
    assert await platform.is_cleaned_up()


async def test_a_plan_names_the_origin_of_each_setting(platform: Platform) -> None:
    project = await platform.project(port=8080)
    platform.commit(**REQUIRING_ENV_VARS)

    planned = await platform.application.plans.plan(platform.owner, project.id, AS_DEPLOYED)

    chosen = {one.name: (one.value, one.origin) for one in planned.settings}
    assert (8080, Origin.PROJECT) == chosen["port"]
    assert (2, Origin.FILE) == chosen["replicas"]
    assert (60, Origin.DEFAULT) == chosen["health_check_timeout"]


@pytest.mark.parametrize(
    ("target", "missing_env_vars"), [("production", ("B",)), ("preview:next", ("A", "B"))]
)
async def test_a_plan_uses_the_env_vars_of_its_target(
    platform: Platform, shop: Project, target: str, missing_env_vars: tuple[str, ...]
) -> None:
    platform.commit(**REQUIRING_ENV_VARS)
    new = NewEnvVar(project_id=shop.id, key="A", value="1", scope=EnvScope.PRODUCTION)
    await platform.application.env_vars.set_many(platform.owner, [new])

    planned = await platform.application.plans.plan(
        platform.owner, shop.id, PlanRequest(target=target)
    )

    assert missing_env_vars == planned.missing_env


async def test_another_commit_and_directory_can_be_tried(platform: Platform, shop: Project) -> None:
    files = {"web/index.html": ""}
    platform.source.repositories[REPO]["next"] = [
        MemoryCommit(sha="a" * 40, files=files),
        MemoryCommit(sha="b" * 40, files={}),
    ]
    wish = PlanRequest(branch="next", commit_sha="a" * 7, root_dir="web")

    planned = await platform.application.plans.plan(platform.owner, shop.id, wish)

    assert ("next", "a" * 40) == (planned.branch, planned.commit_sha)
    assert ("static", "web") == (planned.plan.framework, planned.plan.directory)
    project = (await platform.application.projects.get(platform.owner, shop.id)).project
    assert ("main", None) == (project.branch, project.root_dir)


async def test_a_failing_plan_has_the_error_of_the_deployment(
    platform: Platform, shop: Project
) -> None:
    platform.commit(**{"pushpaka.toml": "prot = 1"})

    with pytest.raises(PlanFailedError) as refusal:
        await platform.application.plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    failed = await platform.deploy(shop)
    assert (Phase.BUILD, str(refusal.value)) == (failed.phase, failed.error)


async def test_errors_do_not_contain_the_git_token(platform: Platform) -> None:
    project = await platform.project(git_token="glpat-12345")
    platform.source.failure = SourceError("The server says: glpat-12345 is not good.")

    with pytest.raises(PlanFailedError, match=r"^The server says: \*\*\* is not good\.$"):
        await platform.application.plans.plan(platform.owner, project.id, AS_DEPLOYED)


async def test_a_platform_fault_is_reported_as_unavailable(
    platform: Platform, shop: Project
) -> None:
    platform.source.failure = PlatformFaultError("The disk is full.")

    with pytest.raises(UnavailableError, match=r"The disk is full\."):
        await platform.application.plans.plan(platform.owner, shop.id, AS_DEPLOYED)


async def test_a_user_can_run_one_plan_at_a_time(platform: Platform, shop: Project) -> None:
    plans = platform.application.plans
    async with run_plan(platform, platform.owner, shop):
        with pytest.raises(TooManyRequestsError):
            await plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    planned = await plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    assert "shell" == planned.plan.framework


async def test_an_instance_runs_two_plans_at_a_time(platform: Platform, shop: Project) -> None:
    plans = platform.application.plans
    bob, eve = [await platform.sign_up(f"{name}@example.com") for name in ("bob", "eve")]
    bobs, eves = [await platform.project(owner=owner) for owner in (bob, eve)]
    async with run_plan(platform, platform.owner, shop), run_plan(platform, bob, bobs):
        with pytest.raises(UnavailableError, match="Try again in a few seconds"):
            await plans.plan(eve, eves.id, AS_DEPLOYED)

    planned = await plans.plan(eve, eves.id, AS_DEPLOYED)

    assert "shell" == planned.plan.framework
