"""Projects: their settings, visibility and status."""

from datetime import timedelta
from typing import Any

import pytest
from anyio import fail_after
from attrs import evolve
from tests.service_fixtures import Services

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import NewProject, ProjectChanges, ProjectStatus
from pushpaka_core.domain.routing.custom_domains import NewCustomDomain
from pushpaka_core.errors import DuplicateError, InvalidInputError, NotAllowedError, NotFoundError

pytestmark = pytest.mark.anyio

ELSEWHERE = "https://other.example.com/app.git"


class TestCreate:
    async def test_keeps_the_given_settings(self, services: Services, ann: Actor) -> None:
        new = NewProject(
            name="My Shop",
            repo_url="HTTPS://Git.Example.com:443/ann/app.git",
            branch="next",
            framework="Next.js",
            git_token="glpat-12345",
            replicas=2,
        )

        overview = await services.projects.create(ann, new)

        project, address = overview.project, "https://git.example.com:443/ann/app.git"
        assert ("My Shop", "my-shop", address) == (project.name, project.slug, project.repo_url)
        assert ("next", "nextjs", 2) == (project.branch, project.framework, project.replicas)
        assert project.git_token is not None
        assert b"glpat-12345" not in project.git_token.ciphertext
        assert ann.user_id == project.user_id
        assert "http://my-shop.localhost:8000" == overview.url
        assert ProjectStatus.INACTIVE is overview.status
        assert (None, False) == (overview.current_deployment_id, overview.env_changed)
        assert overview == await services.projects.get(ann, project.id)

    async def test_reports_all_problems_at_once(self, services: Services, ann: Actor) -> None:
        new = NewProject(name="x", repo_url="https://127.0.0.1/x", framework="cobol")

        with pytest.raises(InvalidInputError) as refusal:
            await services.projects.create(ann, new)

        assert {"repo_url", "framework"} == refusal.value.problems.keys()
        assert [] == await services.projects.all(ann)

    async def test_name_is_unique_per_owner(
        self, services: Services, ann: Actor, bob: Actor
    ) -> None:
        projects = [await services.project(ann, "shop"), await services.project(bob, "shop")]

        with pytest.raises(DuplicateError, match="project name"):
            await services.project(ann, "shop")

        assert [(1, "shop"), (2, "shop-2")] == [(each.number, each.slug) for each in projects]

    async def test_equal_long_names_get_numbered_slugs(
        self, services: Services, ann: Actor, bob: Actor
    ) -> None:
        name = "a" * 60

        slugs = [(await services.project(owner, name)).slug for owner in (ann, bob)]

        assert ["a" * 40, "a" * 38 + "-2"] == slugs

    async def test_platform_cannot_create_projects(self, services: Services) -> None:
        with pytest.raises(NotAllowedError):
            await services.project(PLATFORM)


class TestChange:
    async def test_only_given_fields_are_changed(self, services: Services, ann: Actor) -> None:
        project = await services.project(ann, build_command="make", root_dir="web", port=8080)
        services.clock.advance(5)
        unchanged = await services.projects.change(ann, project.id, ProjectChanges())

        changes: dict[str, Any] = {"name": "Store", "build_command": None, "replicas": 3}
        changed = await services.projects.change(ann, project.id, ProjectChanges(**changes))

        assert project == unchanged.project
        wanted = evolve(project, **changes, updated_at=services.clock())
        assert evolve(wanted, next_sequence=changed.project.next_sequence) == changed.project
        trail = await services.audit_trail(ann)
        assert ("project.changed", "build_command, name, replicas") == trail[0]
        assert 3 == len(trail)

    @pytest.mark.parametrize(
        ("changes", "is_kept", "detail"),
        [
            ({"git_token": "glpat-67890"}, True, "git_token"),
            ({"git_token": None}, False, "git_token"),
            ({"repo_url": ELSEWHERE}, False, "git_token (removed), repo_url"),
            ({"repo_url": ELSEWHERE, "git_token": "glpat-67890"}, True, "git_token, repo_url"),
        ],
    )
    async def test_token_is_replaced_and_removed(
        self,
        services: Services,
        ann: Actor,
        changes: dict[str, Any],
        detail: str,
        *,
        is_kept: bool,
    ) -> None:
        project = await services.project(ann, git_token="glpat-12345")

        changed = await services.projects.change(ann, project.id, ProjectChanges(**changes))

        token = changed.project.git_token
        assert (is_kept, True) == (token is not None, token != project.git_token)
        assert ("project.changed", detail) == (await services.audit_trail(ann))[0]

    async def test_changes_are_validated_like_a_new_project(
        self, services: Services, ann: Actor
    ) -> None:
        await services.project(ann, "shop")
        project = await services.project(ann, "blog")

        with pytest.raises(InvalidInputError) as refusal:
            await services.projects.change(
                ann, project.id, ProjectChanges(repo_url="--upload-pack=x", framework="cobol")
            )
        with pytest.raises(DuplicateError, match="project name"):
            await services.projects.change(ann, project.id, ProjectChanges(name="shop"))

        assert {"repo_url", "framework"} == refusal.value.problems.keys()


class TestDelete:
    async def test_deleted_project_disappears_and_frees_its_name(
        self, services: Services, ann: Actor
    ) -> None:
        project = await services.project(ann, "shop")

        await services.projects.delete(ann, project.id)

        with pytest.raises(NotFoundError):
            await services.projects.get(ann, project.id)
        assert "shop-2" == (await services.project(ann, "shop")).slug
        assert ("project.deleted", "shop") in await services.audit_trail(ann)

    async def test_ends_deployments_that_are_queued_or_in_progress(
        self, services: Services, ann: Actor
    ) -> None:
        project = await services.project(ann)
        in_progress = await services.enqueue(ann, project)
        await services.claim()
        waiting = await services.enqueue(ann, project)
        await services.queue.wait(timedelta(0))

        async with services.events.subscribe(waiting.id) as messages:
            await services.projects.delete(ann, project.id)
            with fail_after(10):
                message = await anext(messages)

        assert isinstance(message, DeploymentChanged)
        assert DeploymentStatus.CANCELLED is message.deployment.status
        assert DeploymentStatus.CANCELLED is await services.status(waiting.id)
        assert (await services.row(in_progress.id)).cancel_requested_at is not None
        assert await services.queue.wait(timedelta(0))

    async def test_frees_the_domains(self, services: Services, ann: Actor, bob: Actor) -> None:
        project, other = await services.project(ann, "shop"), await services.project(ann, "blog")
        for owner, name in ((project, "shop.example.com"), (other, "blog.example.com")):
            await services.custom_domains.add(
                ann, NewCustomDomain(project_id=owner.id, domain=name)
            )

        await services.projects.delete(ann, project.id)

        domains = await services.custom_domains.all(ann)
        assert ["blog.example.com"] == [domain.domain for domain in domains]
        assert [] == await services.custom_domains.all(bob)


class TestStatus:
    async def test_follows_the_deployments(self, services: Services, ann: Actor) -> None:
        project = await services.project(ann)
        seen = []

        async def record_env_changed() -> None:
            overview = await services.projects.get(ann, project.id)
            seen.append((overview.status, overview.current_deployment_id))

        await services.enqueue(ann, project)
        await record_env_changed()
        await services.fail_next()
        await record_env_changed()
        first = await services.enqueue(ann, project)
        await services.claim()
        await record_env_changed()
        await services.save((await services.row(first.id)).fail("No luck.", now=services.clock()))
        second = await services.enqueue(ann, project)
        running = await services.run_next()
        await record_env_changed()
        await services.enqueue(ann, project)
        await record_env_changed()
        await services.fail_next()
        crashed = await services.save(
            (await services.row(running.id)).crash("It exited.", now=services.clock())
        )
        await record_env_changed()
        await services.save(crashed.stop(now=services.clock()))
        await record_env_changed()

        assert [
            (ProjectStatus.BUILDING, None),
            (ProjectStatus.FAILED, None),
            (ProjectStatus.BUILDING, None),
            (ProjectStatus.ACTIVE, second.id),
            (ProjectStatus.ACTIVE, second.id),
            (ProjectStatus.CRASHED, second.id),
            (ProjectStatus.STOPPED, second.id),
        ] == seen

    async def test_reports_changed_env_vars(self, services: Services, ann: Actor) -> None:
        project = await services.project(ann)
        seen = []

        async def record_env_changed() -> None:
            seen.append((await services.projects.get(ann, project.id)).env_changed)

        new = NewEnvVar(project_id=project.id, key="COLOR", value="red")
        await services.env_vars.set(ann, new)
        await record_env_changed()
        await services.enqueue(ann, project)
        await services.run_next()
        await record_env_changed()
        await services.env_vars.set(ann, evolve(new, value="blue"))
        await record_env_changed()
        await services.enqueue(ann, project)
        await record_env_changed()
        await services.run_next()
        await record_env_changed()
        await services.env_vars.set(ann, evolve(new, key="OTHER", scope=EnvScope.PREVIEW))
        await record_env_changed()

        assert [False, False, True, True, False, False] == seen

    async def test_all_returns_the_status_of_each_project(
        self, services: Services, ann: Actor
    ) -> None:
        shop, blog = await services.project(ann, "shop"), await services.project(ann, "blog")
        served = await services.enqueue(ann, shop)
        await services.run_next()

        overviews = await services.projects.all(ann)

        assert [
            (blog.id, ProjectStatus.INACTIVE, None),
            (shop.id, ProjectStatus.ACTIVE, served.id),
        ] == [(o.project.id, o.status, o.current_deployment_id) for o in overviews]
