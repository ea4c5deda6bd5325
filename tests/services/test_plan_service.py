"""Plans without a deployment: the same that one would go by, for few at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint
from attrs import evolve
from tests.services.platform import Platform
from tests.services.world import PASSWORD, REPO

from pushpaka_core.adapters.memory.source import MemoryCommit
from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.build_plans import Origin
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.plans import NewPlan
from pushpaka_core.domain.projects import NewProject, Project
from pushpaka_core.domain.users import Registration
from pushpaka_core.errors import (
    NotAllowedError,
    NotFoundError,
    PlanFailedError,
    PlatformFaultError,
    SourceError,
    TooManyRequestsError,
    UnavailableError,
)

pytestmark = pytest.mark.anyio

AS_DEPLOYED = NewPlan()
NEEDY = {"pushpaka.toml": "replicas = 2\nenv.required = ['A', 'B']\n"}


async def signed_up(platform: Platform, name: str) -> Actor:
    """Return another user."""
    who = Registration(email=f"{name}@example.com", name=name, password=PASSWORD)
    return Actor.of((await platform.application.accounts.register(who)).user)


async def project_of(platform: Platform, actor: Actor) -> Project:
    """Return a project of another user."""
    new = NewProject(name="shop", repo_url=REPO)
    return (await platform.application.projects.create(actor, new)).project


@asynccontextmanager
async def planning(platform: Platform, actor: Actor, project: Project) -> AsyncIterator[None]:
    """Have a plan under way that does not come to an end."""
    platform.source.is_hanging = True
    async with create_task_group() as tasks:
        tasks.start_soon(platform.application.plans.plan, actor, project.id, AS_DEPLOYED)
        while actor.user_id not in platform.application.plans._slots._users:
            await checkpoint()
        platform.source.is_hanging = False
        yield
        tasks.cancel_scope.cancel()


async def test_it_is_what_a_deployment_goes_by(platform: Platform, shop: Project) -> None:
    """The same commit, the same plan; nothing is queued or kept for it."""
    platform.commit(**NEEDY)
    await platform.set_env(shop, A="1", B="2")

    planned = await platform.application.plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    running = await platform.served(shop)
    (release,) = await platform.releases()
    assert release.plan == planned.plan
    assert (running.commit_sha, running.branch) == (planned.commit_sha, planned.branch)
    assert 1 == running.sequence
    assert await platform.is_tidy()


async def test_it_says_who_chose_the_settings(platform: Platform) -> None:
    """Those of the project, of the file, and the usual ones."""
    project = await platform.project(port=8080)
    platform.commit(**NEEDY)

    planned = await platform.application.plans.plan(platform.owner, project.id, AS_DEPLOYED)

    chosen = {one.name: (one.value, one.origin) for one in planned.settings}
    assert (8080, Origin.PROJECT) == chosen["port"]
    assert (2, Origin.FILE) == chosen["replicas"]
    assert (60, Origin.DEFAULT) == chosen["health_check_timeout"]


@pytest.mark.parametrize(
    ("target", "missing"), [("production", ("B",)), ("preview:next", ("A", "B"))]
)
async def test_it_sees_the_env_vars_of_its_target(
    platform: Platform, shop: Project, target: str, missing: tuple[str, ...]
) -> None:
    """What is set for another scope is not set."""
    platform.commit(**NEEDY)
    new = NewEnvVar(project_id=shop.id, key="A", value="1", scope=EnvScope.PRODUCTION)
    await platform.application.env_vars.set_many(platform.owner, [new])

    planned = await platform.application.plans.plan(platform.owner, shop.id, NewPlan(target=target))

    assert missing == planned.missing


async def test_another_commit_and_directory_can_be_tried(platform: Platform, shop: Project) -> None:
    """The project itself keeps its own."""
    files = {"web/index.html": ""}
    platform.source.repositories[REPO]["next"] = [
        MemoryCommit(sha="a" * 40, files=files),
        MemoryCommit(sha="b" * 40, files={}),
    ]
    wish = NewPlan(branch="next", commit_sha="a" * 7, root_dir="web")

    planned = await platform.application.plans.plan(platform.owner, shop.id, wish)

    assert ("next", "a" * 40) == (planned.branch, planned.commit_sha)
    assert ("static", "web") == (planned.plan.framework, planned.plan.directory)
    project = (await platform.application.projects.get(platform.owner, shop.id)).project
    assert ("main", None) == (project.branch, project.root_dir)


async def test_what_would_fail_is_told_as_the_deployment_would(
    platform: Platform, shop: Project
) -> None:
    """The sentence is the one that the log ends with."""
    platform.commit(**{"pushpaka.toml": "prot = 1"})

    with pytest.raises(PlanFailedError) as refusal:
        await platform.application.plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    failed = await platform.served(shop)
    assert failed.error == str(refusal.value)


async def test_a_git_token_is_in_no_sentence(platform: Platform) -> None:
    """Whatever the source says of it."""
    project = await platform.project(git_token="glpat-12345")
    platform.source.failure = SourceError("The server says: glpat-12345 is not good.")

    with pytest.raises(PlanFailedError, match=r"^The server says: \*\*\* is not good\.$"):
        await platform.application.plans.plan(platform.owner, project.id, AS_DEPLOYED)


async def test_a_fault_of_the_host_is_not_the_owners(platform: Platform, shop: Project) -> None:
    """The same request may succeed later."""
    platform.source.failure = PlatformFaultError("The disk is full.")

    with pytest.raises(UnavailableError, match=r"The disk is full\."):
        await platform.application.plans.plan(platform.owner, shop.id, AS_DEPLOYED)


async def test_it_is_for_who_may_deploy(platform: Platform, shop: Project) -> None:
    """To others the project does not exist, and a token that only reads is not enough."""
    bob, reader = await signed_up(platform, "bob"), evolve(platform.owner, scope=Scope.READ)

    with pytest.raises(NotFoundError):
        await platform.application.plans.plan(bob, shop.id, AS_DEPLOYED)
    with pytest.raises(NotAllowedError):
        await platform.application.plans.plan(reader, shop.id, AS_DEPLOYED)


async def test_each_user_has_one_at_a_time(platform: Platform, shop: Project) -> None:
    """The next one is refused until the first is over, however it ends."""
    plans = platform.application.plans
    async with planning(platform, platform.owner, shop):
        with pytest.raises(TooManyRequestsError):
            await plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    planned = await plans.plan(platform.owner, shop.id, AS_DEPLOYED)

    assert "shell" == planned.plan.framework


async def test_an_instance_has_two_at_a_time(platform: Platform, shop: Project) -> None:
    """A third user is told to come back."""
    plans = platform.application.plans
    bob, eve = await signed_up(platform, "bob"), await signed_up(platform, "eve")
    bobs, eves = await project_of(platform, bob), await project_of(platform, eve)
    async with planning(platform, platform.owner, shop), planning(platform, bob, bobs):
        with pytest.raises(UnavailableError, match="Try again in a moment"):
            await plans.plan(eve, eves.id, AS_DEPLOYED)

    planned = await plans.plan(eve, eves.id, AS_DEPLOYED)

    assert "shell" == planned.plan.framework
