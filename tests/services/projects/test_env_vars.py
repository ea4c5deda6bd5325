"""Setting, replacing, deleting, encrypting and limiting environment variables."""

import pytest
from attrs import evolve
from tests.service_fixtures import Services

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.projects.env_vars import (
    EnvQuota,
    EnvScope,
    EnvVar,
    EnvVarDeletion,
    NewEnvVar,
)
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import InvalidInputError, NotFoundError
from pushpaka_core.testing.objects.projects import an_env_var
from pushpaka_core.testing.objects.values import a_secret
from pushpaka_core.testing.stored_objects import store

pytestmark = pytest.mark.anyio

QUOTA = EnvQuota()


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


def a_new_env_var(project: Project, key: str = "COLOR", value: str = "red") -> NewEnvVar:
    return NewEnvVar(project_id=project.id, key=key, value=value)


async def deployed_values(services: Services, actor: Actor, project: Project) -> dict[str, str]:
    """Queue a deployment of *project*, and return its environment variables."""
    deployment = await services.enqueue(actor, project)
    return await services.environment(deployment.id)


def names_and_scopes(env_vars: list[EnvVar]) -> list[tuple[str, EnvScope]]:
    return [(env_var.key, env_var.scope) for env_var in env_vars]


class TestSet:
    async def test_stores_a_value_without_showing_it(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        env_var = await services.env_vars.set(ann, a_new_env_var(shop, value="s3cret-value"))

        assert [env_var] == await services.env_vars.of_project(ann, shop.id)
        assert "s3cret-value" not in repr(env_var)
        assert b"s3cret-value" not in env_var.secret.ciphertext
        assert {"COLOR": "s3cret-value"} == await deployed_values(services, ann, shop)
        assert ("env_var.set", "COLOR of shop") in await services.audit_trail(ann)

    async def test_tolerates_values_that_cannot_be_decrypted(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        lost = [an_env_var(shop, key=key, secret=evolve(a_secret(), key_id="gone")) for key in "AB"]
        await store(services.storage, *lost)

        for key in "AB":
            await services.env_vars.set(ann, a_new_env_var(shop, key, f"new {key}"))

        assert {"A": "new A", "B": "new B"} == await deployed_values(services, ann, shop)

    async def test_replaces_the_value_of_a_key(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        first = await services.env_vars.set(ann, a_new_env_var(shop))
        services.clock.advance(5)

        second = await services.env_vars.set(ann, a_new_env_var(shop, value="blue"))

        found = (second.id, second.version, second.created_at, second.updated_at)
        assert (first.id, 2, first.created_at, services.clock()) == found
        assert {"COLOR": "blue"} == await deployed_values(services, ann, shop)

    @pytest.mark.parametrize("value", ["", "a\nINJECTED=1", "'\"$X`id`#\\", "ü\u2028\U0001f600"])
    async def test_stores_any_text_unchanged(
        self, services: Services, ann: Actor, shop: Project, value: str
    ) -> None:
        await services.env_vars.set(ann, a_new_env_var(shop, value=value))

        assert {"COLOR": value} == await deployed_values(services, ann, shop)


class TestSetMany:
    async def test_sets_all(self, services: Services, ann: Actor, shop: Project) -> None:
        await services.env_vars.set(ann, a_new_env_var(shop, "A", "old"))

        changed = await services.env_vars.set_many(
            ann, [a_new_env_var(shop, "A", "1"), a_new_env_var(shop, "B", "2")]
        )

        assert [("A", 2), ("B", 1)] == [(env_var.key, env_var.version) for env_var in changed]
        assert {"A": "1", "B": "2"} == await deployed_values(services, ann, shop)

    async def test_sets_none_if_one_exceeds_the_quota(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        await services.env_vars.set(ann, a_new_env_var(shop, "FIRST"))
        most = [a_new_env_var(shop, f"K{n}") for n in range(QUOTA.count)]

        with pytest.raises(InvalidInputError, match="at most 100"):
            await services.env_vars.set_many(ann, most)
        assert 1 == len(await services.env_vars.of_project(ann, shop.id))

        await services.env_vars.set_many(ann, most[1:])
        assert QUOTA.count == len(await services.env_vars.of_project(ann, shop.id))

    async def test_limits_the_total_size(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        large = "x" * (QUOTA.value_bytes - 10)
        await services.env_vars.set_many(
            ann, [a_new_env_var(shop, f"K{n}", large) for n in range(4)]
        )

        with pytest.raises(InvalidInputError, match="at most 262144 bytes"):
            await services.env_vars.set(ann, a_new_env_var(shop, "K4", "x" * 64))

        await services.env_vars.set(ann, a_new_env_var(shop, "K3", "x" * QUOTA.value_bytes))

    async def test_rejects_several_projects(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        blog = await services.project(ann, "blog")

        with pytest.raises(InvalidInputError, match="project_id"):
            await services.env_vars.set_many(ann, [a_new_env_var(shop), a_new_env_var(blog)])

    async def test_accepts_an_empty_list(self, services: Services, ann: Actor) -> None:
        assert [] == list(await services.env_vars.set_many(ann, []))


class TestOfProject:
    async def test_env_vars_are_sorted(self, services: Services, ann: Actor, shop: Project) -> None:
        for key, scope in (("B", "all"), ("A", "production"), ("A", "all")):
            await services.env_vars.set(
                ann, evolve(a_new_env_var(shop, key), scope=EnvScope(scope))
            )

        env_vars = await services.env_vars.of_project(ann, shop.id)

        wanted = [("A", EnvScope.ALL), ("A", EnvScope.PRODUCTION), ("B", EnvScope.ALL)]
        assert wanted == names_and_scopes([*env_vars])


class TestDelete:
    async def test_deletes_in_one_scope_or_in_all(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        for scope in EnvScope:
            await services.env_vars.set(ann, evolve(a_new_env_var(shop), scope=scope))
        name = EnvVarDeletion(project_id=shop.id, key="COLOR")

        await services.env_vars.delete(ann, evolve(name, scope=EnvScope.PREVIEW))
        left = await services.env_vars.of_project(ann, shop.id)
        await services.env_vars.delete(ann, name)

        assert [EnvScope.ALL, EnvScope.PRODUCTION] == [env_var.scope for env_var in left]
        assert [] == await services.env_vars.of_project(ann, shop.id)
        assert ("env_var.deleted", "COLOR of shop") == (await services.audit_trail(ann))[0]

    async def test_rejects_an_unknown_key(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        with pytest.raises(NotFoundError, match="no such environment variable"):
            await services.env_vars.delete(ann, EnvVarDeletion(project_id=shop.id, key="NOTHING"))
