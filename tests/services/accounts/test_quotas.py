"""Quotas are exact, even with concurrent requests."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.service_fixtures import REPO, Services

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.deployments import NewDeployment
from pushpaka_core.domain.projects.env_vars import EnvQuota, NewEnvVar
from pushpaka_core.domain.projects.projects import NewProject, Project
from pushpaka_core.domain.routing.custom_domains import NewCustomDomain
from pushpaka_core.errors import (
    InvalidInputError,
    PushpakaError,
    QuotaReachedError,
    TooManyRequestsError,
)

pytestmark = pytest.mark.anyio

QUOTAS = Quotas(
    projects=3,
    queued_deployments=2,
    domains=3,
    unverified_domains=2,
    env=EnvQuota(count=2, value_bytes=10, total_bytes=20),
)


@pytest.fixture
def services() -> Services:
    return Services.of(quotas=QUOTAS)


@pytest.fixture
async def projects(services: Services, ann: Actor) -> Sequence[Project]:
    return [await services.project(ann, name) for name in ("shop", "blog", "docs")]


async def errors_of(*calls: Callable[[], Awaitable[Any]]) -> list[type[PushpakaError]]:
    """Run *calls* concurrently, and return the types of their errors."""
    refused: list[type[PushpakaError]] = []

    async def run(call: Callable[[], Awaitable[Any]]) -> None:
        try:
            await call()
        except PushpakaError as error:
            refused.append(type(error))

    async with create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(run, call)
    return refused


class TestProjects:
    async def test_number_is_limited_per_user(
        self, services: Services, ann: Actor, bob: Actor
    ) -> None:
        def create_project(actor: Actor, name: str) -> Callable[[], Awaitable[Any]]:
            return lambda: services.projects.create(actor, NewProject(name=name, repo_url=REPO))

        anns = await errors_of(*(create_project(ann, f"app-{n}") for n in range(5)))
        bobs = await errors_of(*(create_project(bob, f"app-{n}") for n in range(3)))

        assert ([QuotaReachedError] * 2, []) == (anns, bobs)
        assert 3 == len(await services.projects.all(ann))

    async def test_deleted_projects_do_not_count(
        self, services: Services, ann: Actor, projects: Sequence[Project]
    ) -> None:
        with pytest.raises(QuotaReachedError, match=r"limit of 3 projects\. Delete a project"):
            await services.project(ann, "more")

        await services.projects.delete(ann, projects[0].id)
        await services.project(ann, "more")

        assert 3 == len(await services.projects.all(ann))


class TestDomains:
    async def test_unverified_domains_have_a_lower_limit(
        self, services: Services, ann: Actor, projects: Sequence[Project]
    ) -> None:
        def claim(number: int) -> Callable[[], Awaitable[Any]]:
            new = NewCustomDomain(
                project_id=projects[number % 3].id, domain=f"{number}.example.com"
            )
            return lambda: services.custom_domains.add(ann, new)

        assert [QuotaReachedError] * 2 == await errors_of(*map(claim, range(4)))
        assert 2 == len(await services.custom_domains.all(ann))

    async def test_verified_domains_are_limited(
        self, services: Services, ann: Actor, projects: Sequence[Project]
    ) -> None:
        async def add_verified_domain(name: str) -> None:
            new = NewCustomDomain(project_id=projects[0].id, domain=name)
            domain = await services.custom_domains.add(ann, new)
            async with services.storage.transaction() as uow:
                await uow.custom_domains.update(evolve(domain, verified_at=services.clock()))

        for name in ("a.example.com", "b.example.com", "c.example.com"):
            await add_verified_domain(name)

        with pytest.raises(QuotaReachedError, match=r"limit of 3 custom domains\. Delete "):
            await add_verified_domain("d.example.com")


class TestQueuedDeployments:
    async def test_queued_deployments_are_limited_per_user(
        self, services: Services, ann: Actor, projects: Sequence[Project]
    ) -> None:
        def deploy(project: Project) -> Callable[[], Awaitable[Any]]:
            return lambda: services.deployments.deploy(ann, NewDeployment(project_id=project.id))

        refused = await errors_of(*map(deploy, projects))

        counts = await services.deployments.count_by_status(PLATFORM)
        assert [TooManyRequestsError] == refused
        assert 2 == sum(counts.values())

    async def test_deployments_may_be_superseded(
        self, services: Services, ann: Actor, projects: Sequence[Project]
    ) -> None:
        for project in (*projects[:2], *projects[:2]):
            await services.deployments.deploy(ann, NewDeployment(project_id=project.id))

        with pytest.raises(TooManyRequestsError):
            await services.deployments.deploy(ann, NewDeployment(project_id=projects[2].id))

    async def test_claimed_deployment_no_longer_counts(
        self, services: Services, ann: Actor, projects: Sequence[Project]
    ) -> None:
        for project in projects[:2]:
            await services.deployments.deploy(ann, NewDeployment(project_id=project.id))

        async with services.storage.transaction() as uow:
            await uow.deployments.claim("worker", now=services.clock())

        await services.deployments.deploy(ann, NewDeployment(project_id=projects[2].id))


class TestEnvVars:
    async def test_concurrent_changes_respect_the_limit(
        self, services: Services, ann: Actor, projects: Sequence[Project]
    ) -> None:
        def put(key: str, value: str = "") -> Callable[[], Awaitable[Any]]:
            new = NewEnvVar(project_id=projects[0].id, key=key, value=value)
            return lambda: services.env_vars.set(ann, new)

        assert [InvalidInputError] == await errors_of(put("A"), put("B"), put("C"))
        assert [] == await errors_of(put("A", "x" * 9), put("B", "x" * 9))
        assert [InvalidInputError] * 2 == await errors_of(put("A", "x" * 11), put("B", "x" * 10))
