"""Quotas: what one user may have, to the last one, however many requests come at once."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.services.world import REPO, SteppedClock, World

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.custom_domains import NewCustomDomain
from pushpaka_core.domain.deployments import NewDeployment
from pushpaka_core.domain.env_vars import EnvQuota, NewEnvVar
from pushpaka_core.domain.projects import NewProject, Project
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import (
    InvalidInputError,
    PushpakaError,
    QuotaReachedError,
    TooManyRequestsError,
)

pytestmark = pytest.mark.anyio

QUOTAS = Quotas(
    projects=3,
    waiting=2,
    domains=3,
    claims=2,
    env=EnvQuota(number=2, value_bytes=10, total_bytes=20),
)


@pytest.fixture
def world() -> World:
    return World.of(
        SteppedClock(),
        registration=RegistrationPolicy.OPEN,
        recheck=timedelta(minutes=1),
        quotas=QUOTAS,
    )


@pytest.fixture
async def projects(world: World, ann: Actor) -> Sequence[Project]:
    return [await world.project(ann, name) for name in ("shop", "blog", "docs")]


async def refusals(*wishes: Callable[[], Awaitable[Any]]) -> list[type[PushpakaError]]:
    """Return the errors of those *wishes* that are refused when all of them come at once."""
    refused: list[type[PushpakaError]] = []

    async def wish(wanted: Callable[[], Awaitable[Any]]) -> None:
        try:
            await wanted()
        except PushpakaError as error:
            refused.append(type(error))

    async with create_task_group() as tasks:
        for wanted in wishes:
            tasks.start_soon(wish, wanted)
    return refused


class TestProjects:
    async def test_are_so_many_for_each_user(self, world: World, ann: Actor, bob: Actor) -> None:
        """Of five at once three are made; another user has as many."""

        def make(actor: Actor, name: str) -> Callable[[], Awaitable[Any]]:
            return lambda: world.projects.create(actor, NewProject(name=name, repo_url=REPO))

        anns = await refusals(*(make(ann, f"app-{n}") for n in range(5)))
        bobs = await refusals(*(make(bob, f"app-{n}") for n in range(3)))

        assert ([QuotaReachedError] * 2, []) == (anns, bobs)
        assert 3 == len(await world.projects.all(ann))

    async def test_that_are_deleted_make_room(
        self, world: World, ann: Actor, projects: Sequence[Project]
    ) -> None:
        """What is full says what to do about it, and that helps."""
        with pytest.raises(QuotaReachedError, match=r"You may have 3 projects\. Delete one"):
            await world.project(ann, "more")

        await world.projects.delete(ann, projects[0].id)
        await world.project(ann, "more")

        assert 3 == len(await world.projects.all(ann))


class TestDomains:
    async def test_that_are_not_proven_are_few(
        self, world: World, ann: Actor, projects: Sequence[Project]
    ) -> None:
        """Claims of all projects count together, and leave others' alone."""

        def claim(number: int) -> Callable[[], Awaitable[Any]]:
            new = NewCustomDomain(
                project_id=projects[number % 3].id, domain=f"{number}.example.com"
            )
            return lambda: world.custom_domains.add(ann, new)

        assert [QuotaReachedError] * 2 == await refusals(*map(claim, range(4)))
        assert 2 == len(await world.custom_domains.all(ann))

    async def test_are_bounded_as_well_once_they_are_proven(
        self, world: World, ann: Actor, projects: Sequence[Project]
    ) -> None:
        """A proof makes room for a claim, but not for one more domain than there may be."""

        async def prove(name: str) -> None:
            new = NewCustomDomain(project_id=projects[0].id, domain=name)
            domain = await world.custom_domains.add(ann, new)
            async with world.storage.transaction() as uow:
                await uow.custom_domains.update(evolve(domain, verified_at=world.clock()))

        for name in ("a.example.com", "b.example.com", "c.example.com"):
            await prove(name)

        with pytest.raises(QuotaReachedError, match=r"You may have 3 custom domains\. Delete one"):
            await prove("d.example.com")


class TestWaiting:
    async def test_deployments_are_so_many_for_each_user(
        self, world: World, ann: Actor, projects: Sequence[Project]
    ) -> None:
        """Of three projects at once two wait; what is refused leaves no trace."""

        def deploy(project: Project) -> Callable[[], Awaitable[Any]]:
            return lambda: world.deployments.deploy(ann, NewDeployment(project_id=project.id))

        refused = await refusals(*map(deploy, projects))

        counts = await world.deployments.count_by_status(PLATFORM)
        assert [TooManyRequestsError] == refused
        assert 2 == sum(counts.values())

    async def test_deployments_may_be_superseded(
        self, world: World, ann: Actor, projects: Sequence[Project]
    ) -> None:
        """A newer one of the same project takes the place of what waits."""
        for project in (*projects[:2], *projects[:2]):
            await world.deployments.deploy(ann, NewDeployment(project_id=project.id))

        with pytest.raises(TooManyRequestsError):
            await world.deployments.deploy(ann, NewDeployment(project_id=projects[2].id))

    async def test_makes_room_when_one_is_claimed(
        self, world: World, ann: Actor, projects: Sequence[Project]
    ) -> None:
        """What is in work waits no more."""
        for project in projects[:2]:
            await world.deployments.deploy(ann, NewDeployment(project_id=project.id))

        async with world.storage.transaction() as uow:
            await uow.deployments.claim("worker", at=world.clock())

        await world.deployments.deploy(ann, NewDeployment(project_id=projects[2].id))


class TestEnvVars:
    async def test_are_bounded_though_all_come_at_once(
        self, world: World, ann: Actor, projects: Sequence[Project]
    ) -> None:
        """Of three that are set by requests of their own two are kept."""

        def put(key: str, value: str = "") -> Callable[[], Awaitable[Any]]:
            new = NewEnvVar(project_id=projects[0].id, key=key, value=value)
            return lambda: world.env_vars.set(ann, new)

        assert [InvalidInputError] == await refusals(put("A"), put("B"), put("C"))
        assert [] == await refusals(put("A", "x" * 9), put("B", "x" * 9))
        assert [InvalidInputError] * 2 == await refusals(put("A", "x" * 11), put("B", "x" * 10))
