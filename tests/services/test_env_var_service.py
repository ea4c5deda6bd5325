"""Env vars: set, renewed and deleted by the owner, kept encrypted, and bounded."""

import pytest
from attrs import evolve
from tests.services.world import World

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.env_vars import (
    EnvQuota,
    EnvScope,
    EnvVar,
    EnvVarName,
    NewEnvVar,
)
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import InvalidInputError, NotAllowedError, NotFoundError
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import a_secret, an_env_var

pytestmark = pytest.mark.anyio

QUOTA = EnvQuota()


@pytest.fixture
async def shop(world: World, ann: Actor) -> Project:
    return await world.project(ann, "shop")


def a_new(project: Project, key: str = "COLOUR", value: str = "red") -> NewEnvVar:
    return NewEnvVar(project_id=project.id, key=key, value=value)


async def values(world: World, actor: Actor, project: Project) -> dict[str, str]:
    """Return what a deployment would see."""
    deployment = await world.deployed(actor, project)
    return await world.environment(deployment.id)


def names(env_vars: list[EnvVar]) -> list[tuple[str, EnvScope]]:
    return [(env_var.key, env_var.scope) for env_var in env_vars]


class TestSet:
    async def test_keeps_a_value_without_showing_it(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """What is kept opens to the value, and shows it nowhere."""
        env_var = await world.env_vars.set(ann, a_new(shop, value="s3cret-value"))

        assert [env_var] == await world.env_vars.of_project(ann, shop.id)
        assert "s3cret-value" not in repr(env_var)
        assert b"s3cret-value" not in env_var.secret.ciphertext
        assert {"COLOUR": "s3cret-value"} == await values(world, ann, shop)
        assert ("env_var.set", "COLOUR of shop") in await world.trail(ann)

    async def test_gets_along_with_what_nobody_can_read(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """Of several values that a lost key has closed, one is set anew after the other."""
        lost = [an_env_var(shop, key=key, secret=evolve(a_secret(), key_id="gone")) for key in "AB"]
        await keep(world.storage, *lost)

        for key in "AB":
            await world.env_vars.set(ann, a_new(shop, key, f"new {key}"))

        assert {"A": "new A", "B": "new B"} == await values(world, ann, shop)

    async def test_renews_the_value_of_a_key(self, world: World, ann: Actor, shop: Project) -> None:
        """Setting a key again keeps its row, and counts its versions."""
        first = await world.env_vars.set(ann, a_new(shop))
        world.clock.tick(5)

        second = await world.env_vars.set(ann, a_new(shop, value="blue"))

        assert (first.id, 2, first.created_at, world.clock()) == (
            second.id,
            second.version,
            second.created_at,
            second.updated_at,
        )
        assert {"COLOUR": "blue"} == await values(world, ann, shop)

    async def test_keeps_scopes_apart(self, world: World, ann: Actor, shop: Project) -> None:
        """The same key may have a value in each scope."""
        for scope in EnvScope:
            await world.env_vars.set(ann, evolve(a_new(shop), scope=scope))

        env_vars = await world.env_vars.of_project(ann, shop.id)

        assert {*EnvScope} == {env_var.scope for env_var in env_vars}

    @pytest.mark.parametrize("value", ["", "a\nINJECTED=1", "'\"$X`id`#\\", "ü\u2028\U0001f600"])
    async def test_takes_any_text_as_it_is(
        self, world: World, ann: Actor, shop: Project, value: str
    ) -> None:
        """Nothing in a value is read as anything but the value."""
        await world.env_vars.set(ann, a_new(shop, value=value))

        assert {"COLOUR": value} == await values(world, ann, shop)

    async def test_needs_the_owner_and_the_full_scope(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """Others see no project, and a token for deploying sets nothing."""
        with pytest.raises(NotFoundError, match="no such project"):
            await world.env_vars.set(bob, a_new(shop))
        with pytest.raises(NotAllowedError):
            await world.env_vars.set(evolve(ann, scope=Scope.DEPLOY), a_new(shop))


class TestSetMany:
    async def test_sets_all(self, world: World, ann: Actor, shop: Project) -> None:
        """Several are set at once, new ones beside renewed ones."""
        await world.env_vars.set(ann, a_new(shop, "A", "old"))

        changed = await world.env_vars.set_many(ann, [a_new(shop, "A", "1"), a_new(shop, "B", "2")])

        assert [("A", 2), ("B", 1)] == [(env_var.key, env_var.version) for env_var in changed]
        assert {"A": "1", "B": "2"} == await values(world, ann, shop)

    async def test_sets_none_where_one_is_too_much(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """The limit on keys counts those that are there, and a refusal leaves no trace."""
        await world.env_vars.set(ann, a_new(shop, "FIRST"))
        most = [a_new(shop, f"K{n}") for n in range(QUOTA.number)]

        with pytest.raises(InvalidInputError, match="at most 100"):
            await world.env_vars.set_many(ann, most)
        assert 1 == len(await world.env_vars.of_project(ann, shop.id))

        await world.env_vars.set_many(ann, most[1:])
        assert QUOTA.number == len(await world.env_vars.of_project(ann, shop.id))

    async def test_bounds_all_values_together(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """Values are bounded in sum; one that is replaced does not count."""
        large = "x" * (QUOTA.value_bytes - 10)
        await world.env_vars.set_many(ann, [a_new(shop, f"K{n}", large) for n in range(4)])

        with pytest.raises(InvalidInputError, match="at most 262144 bytes"):
            await world.env_vars.set(ann, a_new(shop, "K4", "x" * 64))

        await world.env_vars.set(ann, a_new(shop, "K3", "x" * QUOTA.value_bytes))

    async def test_is_of_one_project(self, world: World, ann: Actor, shop: Project) -> None:
        """One request is about one project."""
        blog = await world.project(ann, "blog")

        with pytest.raises(InvalidInputError, match="project_id"):
            await world.env_vars.set_many(ann, [a_new(shop), a_new(blog)])

    async def test_of_nothing_is_nothing(self, world: World, ann: Actor) -> None:
        """An empty request changes nothing."""
        assert [] == list(await world.env_vars.set_many(ann, []))


class TestOfProject:
    async def test_is_sorted(self, world: World, ann: Actor, shop: Project) -> None:
        """The list is by key, then scope."""
        for key, scope in (("B", "all"), ("A", "production"), ("A", "all")):
            await world.env_vars.set(ann, evolve(a_new(shop, key), scope=EnvScope(scope)))

        env_vars = await world.env_vars.of_project(ann, shop.id)

        wanted = [("A", EnvScope.ALL), ("A", EnvScope.PRODUCTION), ("B", EnvScope.ALL)]
        assert wanted == names([*env_vars])

    async def test_of_somebody_else_does_not_exist(
        self, world: World, bob: Actor, shop: Project
    ) -> None:
        """Another's project is not there, rather than empty."""
        with pytest.raises(NotFoundError, match="no such project"):
            await world.env_vars.of_project(bob, shop.id)


class TestDelete:
    async def test_deletes_in_one_scope_or_in_all(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """With a scope that one goes; without, the key is gone."""
        for scope in EnvScope:
            await world.env_vars.set(ann, evolve(a_new(shop), scope=scope))
        name = EnvVarName(project_id=shop.id, key="COLOUR")

        await world.env_vars.delete(ann, evolve(name, scope=EnvScope.PREVIEW))
        left = await world.env_vars.of_project(ann, shop.id)
        await world.env_vars.delete(ann, name)

        assert [EnvScope.ALL, EnvScope.PRODUCTION] == [env_var.scope for env_var in left]
        assert [] == await world.env_vars.of_project(ann, shop.id)
        assert ("env_var.deleted", "COLOUR of shop") == (await world.trail(ann))[0]

    async def test_of_an_unknown_key_is_told(self, world: World, ann: Actor, shop: Project) -> None:
        """Deleting what is not there is a miss."""
        with pytest.raises(NotFoundError, match="no such environment variable"):
            await world.env_vars.delete(ann, EnvVarName(project_id=shop.id, key="NOTHING"))

    async def test_needs_the_owner_and_the_full_scope(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """Others see no project, and a token for deploying deletes nothing."""
        await world.env_vars.set(ann, a_new(shop))
        name = EnvVarName(project_id=shop.id, key="COLOUR")

        with pytest.raises(NotFoundError, match="no such project"):
            await world.env_vars.delete(bob, name)
        with pytest.raises(NotAllowedError):
            await world.env_vars.delete(evolve(ann, scope=Scope.DEPLOY), name)
