"""Contract tests of environment variables."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.projects.env_vars import EnvScope
from pushpaka_core.errors import DuplicateError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_release, a_target
from pushpaka_core.testing.objects.projects import (
    a_project,
    an_env_var,
    an_environment,
)
from pushpaka_core.testing.objects.values import a_secret, later
from pushpaka_core.testing.stored_objects import store, store_project


class EnvVarsContract:
    """Contract tests of the `EnvVars` and `VisibleEnvVars` ports."""

    async def test_env_vars_are_sorted_by_key_and_scope(self, storage: Storage) -> None:
        """The order does not depend on the order in which the variables were set."""
        project = await store_project(storage)
        b = an_env_var(project, key="B")
        a_preview = an_env_var(project, key="A", scope=EnvScope.PREVIEW)
        a_all = an_env_var(project, key="A", scope=EnvScope.ALL)
        await store(storage, b, a_preview, a_all)

        async with storage.snapshot() as uow:
            found = await uow.env_vars.visible_to(PLATFORM).of_project(project.id)

        assert [a_all, a_preview, b] == list(found)

    async def test_env_vars_of_other_users_are_hidden(self, storage: Storage) -> None:
        """Variables of other users' projects and of deleted projects are not returned."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        await store(storage, ann, bob, mine, foreign, gone)
        env_vars = [an_env_var(project) for project in (mine, foreign, gone)]
        await store(storage, *env_vars)
        ids = [mine.id, foreign.id, gone.id]

        async with storage.snapshot() as uow:
            visible = uow.env_vars.visible_to(Actor.from_user(ann))
            assert [] == list(await visible.of_project(foreign.id))
            assert [env_vars[0]] == list(await visible.of_projects(ids))
            assert env_vars == list(await uow.env_vars.visible_to(PLATFORM).of_projects(ids))

    async def test_a_new_value_replaces_the_old_one(self, storage: Storage) -> None:
        """`put` with the same id changes the variable."""
        project = await store_project(storage)
        env_var = an_env_var(project)
        await store(storage, env_var)
        changed = evolve(env_var, secret=a_secret("new"), version=2, updated_at=later(1))

        await store(storage, changed)

        async with storage.snapshot() as uow:
            found = await uow.env_vars.visible_to(PLATFORM).of_project(project.id)
        assert [changed] == list(found)

    async def test_key_is_unique_in_a_scope(self, storage: Storage) -> None:
        """A second variable with the same key and scope raises DuplicateError."""
        project = await store_project(storage)
        await store(storage, an_env_var(project, key="A"))

        with pytest.raises(DuplicateError, match="environment variable"):
            await store(storage, an_env_var(project, key="A"))

    async def test_a_removed_env_var_is_gone(self, storage: Storage) -> None:
        """Removing the variable again has no effect."""
        project = await store_project(storage)
        env_var = an_env_var(project)
        await store(storage, env_var)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.env_vars.remove(env_var)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.env_vars.visible_to(PLATFORM).of_project(project.id))

    async def test_environments_are_kept_for_servable_deployments(self, storage: Storage) -> None:
        """Deployments that are not final, have a release or are active keep their environment."""
        project = await store_project(storage)
        over = {"status": DeploymentStatus.STOPPED, "finished_at": later(1)}
        superseded = {"status": DeploymentStatus.SUPERSEDED, "finished_at": later(1)}
        waiting, served, retired, named = [
            a_deployment(project, **fields) for fields in ({}, over, over, over)
        ]
        passed_over = a_deployment(project, **superseded)
        kept, removed = a_release(served), a_release(retired, removed_at=later(2))
        served = evolve(served, release_id=kept.id)
        retired = evolve(retired, release_id=removed.id)
        every = [waiting, served, retired, named, passed_over]
        await store(storage, *every, kept, removed, a_target(named))
        await store(storage, *(an_environment(deployment) for deployment in every))

        async with storage.transaction() as uow:
            await uow.env_vars.remove_unused_environments()

        async with storage.snapshot() as uow:
            left = await uow.env_vars.environments(every)
        assert {waiting.id, served.id, named.id} == {each.deployment_id for each in left}

    async def test_an_environment_is_frozen_with_its_deployment(self, storage: Storage) -> None:
        """Each deployment has its own environment, which only changes when it is stored again."""
        project = await store_project(storage)
        one, other = a_deployment(project), a_deployment(project)
        await store(storage, one, other, an_environment(one), an_environment(other))
        frozen = an_environment(one, versions={"A": "x:2"}, secret=a_secret("new"))

        await store(storage, frozen)

        async with storage.snapshot() as uow:
            assert [frozen] == list(await uow.env_vars.environments([one]))
            assert 2 == len(await uow.env_vars.environments([one, other]))
