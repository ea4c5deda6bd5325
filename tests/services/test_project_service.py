"""Projects: what is kept of them, who sees them, and how they stand."""

from datetime import timedelta

import pytest
from anyio import fail_after
from attrs import evolve
from tests.services.world import REPO, World

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.custom_domains import NewCustomDomain
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.projects import NewProject, ProjectChanges, ProjectStatus
from pushpaka_core.errors import DuplicateError, InvalidInputError, NotAllowedError, NotFoundError

pytestmark = pytest.mark.anyio


class TestCreate:
    async def test_keeps_what_was_said(self, world: World, ann: Actor) -> None:
        """A new project has its settings, its owner, an address and no deployment."""
        new = NewProject(name="My Shop", repo_url=REPO, branch="next", port=8080, replicas=2)

        overview = await world.projects.create(ann, new)

        project = overview.project
        assert ("My Shop", "my-shop", REPO) == (project.name, project.slug, project.repo_url)
        assert ("next", 8080, 2) == (project.branch, project.port, project.replicas)
        assert ann.user_id == project.user_id
        assert "http://my-shop.localhost:8000" == overview.url
        assert ProjectStatus.INACTIVE is overview.status
        assert overview.current_deployment_id is None
        assert not overview.env_changed
        assert overview == await world.projects.get(ann, project.id)

    async def test_encrypts_the_token(self, world: World, ann: Actor) -> None:
        """A git token is kept as a ciphertext that is bound to its project."""
        project = await world.project(ann, git_token="glpat-12345")

        assert project.git_token is not None
        assert b"glpat-12345" not in project.git_token.ciphertext

    async def test_tells_all_problems_at_once(self, world: World, ann: Actor) -> None:
        """A forbidden repository and an unknown framework are told together."""
        new = NewProject(name="x", repo_url="https://127.0.0.1/x", framework="cobol")

        with pytest.raises(InvalidInputError) as refusal:
            await world.projects.create(ann, new)

        assert {"repo_url", "framework"} == refusal.value.problems.keys()
        assert [] == await world.projects.all(ann)

    async def test_keeps_one_form_of_a_framework(self, world: World, ann: Actor) -> None:
        """An alias is kept as the name that it stands for."""
        project = await world.project(ann, framework="Next.js")

        assert "nextjs" == project.framework

    async def test_keeps_the_rebuilt_address(self, world: World, ann: Actor) -> None:
        """What git will be given is built from the parts that were judged."""
        project = await world.project(ann, repo_url="HTTPS://Git.Example.com:443/ann/app.git")

        assert "https://git.example.com:443/ann/app.git" == project.repo_url

    async def test_takes_a_name_once_for_an_owner(
        self, world: World, ann: Actor, bob: Actor
    ) -> None:
        """Another owner may use the name, under another address."""
        await world.project(ann, "shop")

        with pytest.raises(DuplicateError, match="project name"):
            await world.project(ann, "shop")
        assert "shop-2" == (await world.project(bob, "shop")).slug

    async def test_numbers_long_names_too(self, world: World, ann: Actor, bob: Actor) -> None:
        """Two names that are cut to the same slug get different ones."""
        name = "a" * 60

        slugs = [(await world.project(owner, name)).slug for owner in (ann, bob)]

        assert ["a" * 40, "a" * 38 + "-2"] == slugs

    async def test_numbers_projects(self, world: World, ann: Actor, bob: Actor) -> None:
        """The numbers of projects count over all owners."""
        projects = [await world.project(ann), await world.project(bob)]

        assert [1, 2] == [project.number for project in projects]

    async def test_is_not_for_the_platform(self, world: World) -> None:
        """The platform itself owns nothing."""
        with pytest.raises(NotAllowedError):
            await world.project(PLATFORM)


class TestChange:
    async def test_touches_only_what_was_said(self, world: World, ann: Actor) -> None:
        """What a change does not name stays as it was; None takes a choice back."""
        project = await world.project(ann, build_command="make", root_dir="web", port=8080)
        world.clock.tick(5)

        changes = ProjectChanges(name="Store", build_command=None, replicas=3)
        changed = (await world.projects.change(ann, project.id, changes)).project

        wanted = evolve(
            project, name="Store", build_command=None, replicas=3, updated_at=world.clock()
        )
        assert evolve(wanted, next_sequence=changed.next_sequence) == changed
        assert ("project.changed", "build_command, name, replicas") == (await world.trail(ann))[0]

    async def test_nothing_changes_nothing(self, world: World, ann: Actor) -> None:
        """An empty change is no change, and not audited."""
        project = await world.project(ann)
        world.clock.tick(5)

        overview = await world.projects.change(ann, project.id, ProjectChanges())

        assert project == overview.project
        assert 2 == len(await world.trail(ann))

    async def test_renews_and_removes_the_token(self, world: World, ann: Actor) -> None:
        """A token can be replaced, and taken away by None."""
        project = await world.project(ann, git_token="glpat-12345")

        renewed = await world.projects.change(
            ann, project.id, ProjectChanges(git_token="glpat-67890")
        )
        removed = await world.projects.change(ann, project.id, ProjectChanges(git_token=None))

        assert renewed.project.git_token not in (None, project.git_token)
        assert removed.project.git_token is None

    async def test_forgets_the_token_of_another_server(self, world: World, ann: Actor) -> None:
        """It was not given for the new one; who changed the address sees so, and the trail too."""
        project = await world.project(ann, git_token="glpat-12345")
        elsewhere = ProjectChanges(repo_url="https://other.example.com/app.git")

        moved = await world.projects.change(ann, project.id, elsewhere)

        assert moved.project.git_token is None
        assert ("project.changed", "git_token (forgotten), repo_url") in await world.trail(ann)

    async def test_takes_a_token_with_another_server(self, world: World, ann: Actor) -> None:
        """One that is given beside the new address is for that."""
        project = await world.project(ann, git_token="glpat-12345")
        changes = ProjectChanges(
            repo_url="https://other.example.com/app.git", git_token="glpat-67890"
        )

        moved = await world.projects.change(ann, project.id, changes)

        assert moved.project.git_token not in (None, project.git_token)
        assert ("project.changed", "git_token, repo_url") in await world.trail(ann)

    async def test_judges_as_strictly_as_create(self, world: World, ann: Actor) -> None:
        """A change is no way around the policy."""
        project = await world.project(ann)

        with pytest.raises(InvalidInputError) as refusal:
            await world.projects.change(
                ann, project.id, ProjectChanges(repo_url="--upload-pack=x", framework="cobol")
            )

        assert {"repo_url", "framework"} == refusal.value.problems.keys()

    async def test_refuses_a_taken_name(self, world: World, ann: Actor) -> None:
        """A project cannot take the name of another one."""
        await world.project(ann, "shop")
        other = await world.project(ann, "blog")

        with pytest.raises(DuplicateError, match="project name"):
            await world.projects.change(ann, other.id, ProjectChanges(name="shop"))


class TestVisibility:
    async def test_somebody_elses_project_does_not_exist(
        self, world: World, ann: Actor, bob: Actor
    ) -> None:
        """To others a project is not there, whatever they ask of it."""
        project = await world.project(ann)

        for attempt in (
            world.projects.get(bob, project.id),
            world.projects.change(bob, project.id, ProjectChanges(name="mine")),
            world.projects.delete(bob, project.id),
        ):
            with pytest.raises(NotFoundError, match="There is no such project"):
                await attempt
        assert [] == await world.projects.all(bob)
        assert [project.id] == [o.project.id for o in await world.projects.all(ann)]

    async def test_a_small_scope_only_reads(self, world: World, ann: Actor) -> None:
        """A token for deploying changes no project."""
        project = await world.project(ann)
        deployer = evolve(ann, scope=Scope.DEPLOY)

        assert project == (await world.projects.get(deployer, project.id)).project
        for attempt in (
            world.project(deployer, "blog"),
            world.projects.change(deployer, project.id, ProjectChanges(name="blog")),
            world.projects.delete(deployer, project.id),
        ):
            with pytest.raises(NotAllowedError):
                await attempt


class TestDelete:
    async def test_disappears_at_once_and_frees_the_name(self, world: World, ann: Actor) -> None:
        """A deleted project is not seen any more; its name is free, its address not yet."""
        project = await world.project(ann, "shop")

        await world.projects.delete(ann, project.id)

        with pytest.raises(NotFoundError):
            await world.projects.get(ann, project.id)
        assert "shop-2" == (await world.project(ann, "shop")).slug
        assert ("project.deleted", "shop") in await world.trail(ann)

    async def test_ends_what_waits_and_what_is_in_work(self, world: World, ann: Actor) -> None:
        """What waits is cancelled, what is in work is asked to end, and workers are woken."""
        project = await world.project(ann)
        in_work = await world.deployed(ann, project)
        await world.claimed()
        waiting = await world.deployed(ann, project)
        await world.queue.wait(timedelta(0))

        async with world.events.subscribe(waiting.id) as messages:
            await world.projects.delete(ann, project.id)
            with fail_after(10):
                message = await anext(messages)

        assert isinstance(message, DeploymentMoved)
        assert DeploymentStatus.CANCELLED is message.deployment.status
        assert DeploymentStatus.CANCELLED is await world.status(waiting.id)
        assert (await world.row(in_work.id)).cancel_requested_at is not None
        assert await world.queue.wait(timedelta(0))

    async def test_leaves_a_committed_one_to_reconciliation(self, world: World, ann: Actor) -> None:
        """A deployment past its commit point does not keep its project from being deleted."""
        project = await world.project(ann)
        await world.deployed(ann, project)
        committed = await world.committed()

        await world.projects.delete(ann, project.id)

        assert (await world.row(committed.id)).cancel_requested_at is None

    async def test_frees_the_domains(self, world: World, ann: Actor, bob: Actor) -> None:
        """The domains of a deleted project are gone; those of others stay."""
        project, other = await world.project(ann, "shop"), await world.project(ann, "blog")
        for owner, name in ((project, "shop.example.com"), (other, "blog.example.com")):
            await world.custom_domains.add(ann, NewCustomDomain(project_id=owner.id, domain=name))

        await world.projects.delete(ann, project.id)

        domains = await world.custom_domains.all(ann)
        assert ["blog.example.com"] == [domain.domain for domain in domains]
        assert [] == await world.custom_domains.all(bob)


class TestStanding:
    async def test_follows_the_deployments(self, world: World, ann: Actor) -> None:
        """The status and the current deployment of a project follow what happens to it."""
        project = await world.project(ann)
        seen = []

        async def look() -> None:
            overview = await world.projects.get(ann, project.id)
            seen.append((overview.status, overview.current_deployment_id))

        await world.deployed(ann, project)
        await look()
        await world.failed()
        await look()
        first = await world.deployed(ann, project)
        await world.claimed()
        await look()
        await world.kept((await world.row(first.id)).fail("No luck.", at=world.clock()))
        second = await world.deployed(ann, project)
        running = await world.served()
        await look()
        await world.deployed(ann, project)
        await look()
        await world.failed()
        crashed = await world.kept(
            (await world.row(running.id)).crash("It exited.", at=world.clock())
        )
        await look()
        await world.kept(crashed.stop(at=world.clock()))
        await look()

        assert [
            (ProjectStatus.BUILDING, None),
            (ProjectStatus.FAILED, None),
            (ProjectStatus.BUILDING, None),
            (ProjectStatus.ACTIVE, second.id),
            (ProjectStatus.ACTIVE, second.id),
            (ProjectStatus.CRASHED, second.id),
            (ProjectStatus.STOPPED, second.id),
        ] == seen

    async def test_tells_changed_env_vars(self, world: World, ann: Actor) -> None:
        """Env vars that production does not run with yet are told, and only those."""
        project = await world.project(ann)
        seen = []

        async def look() -> None:
            seen.append((await world.projects.get(ann, project.id)).env_changed)

        new = NewEnvVar(project_id=project.id, key="COLOUR", value="red")
        await world.env_vars.set(ann, new)
        await look()
        await world.deployed(ann, project)
        await world.served()
        await look()
        await world.env_vars.set(ann, evolve(new, value="blue"))
        await look()
        await world.deployed(ann, project)
        await look()
        await world.served()
        await look()
        await world.env_vars.set(ann, evolve(new, key="OTHER", scope=EnvScope.PREVIEW))
        await look()

        assert [False, False, True, True, False, False] == seen

    async def test_all_tells_each_by_itself(self, world: World, ann: Actor) -> None:
        """In a list each project has its own standing, the newest project first."""
        shop, blog = await world.project(ann, "shop"), await world.project(ann, "blog")
        served = await world.deployed(ann, shop)
        await world.served()

        overviews = await world.projects.all(ann)

        assert [
            (blog.id, ProjectStatus.INACTIVE, None),
            (shop.id, ProjectStatus.ACTIVE, served.id),
        ] == [(o.project.id, o.status, o.current_deployment_id) for o in overviews]
