"""What every storage must do with env vars and custom domains, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.custom_domains import (
    CLAIM_KEPT,
    CustomDomain,
    CustomDomainId,
    HostRecords,
    Reachability,
)
from pushpaka_core.domain.env_vars import EnvScope
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import (
    a_custom_domain,
    a_deployment,
    a_project,
    a_secret,
    a_user,
    an_env_var,
    an_environment,
    an_id,
    later,
)


class EnvVarsContract:
    """The promises of the ports `EnvVars` and `VisibleEnvVars`."""

    async def test_env_vars_come_by_key_and_scope(self, storage: Storage) -> None:
        """The order does not depend on when they were set."""
        project = await keep_project(storage)
        b = an_env_var(project, key="B")
        a_preview = an_env_var(project, key="A", scope=EnvScope.PREVIEW)
        a_all = an_env_var(project, key="A", scope=EnvScope.ALL)
        await keep(storage, b, a_preview, a_all)

        async with storage.snapshot() as uow:
            found = await uow.env_vars.visible_to(PLATFORM).of_project(project.id)

        assert [a_all, a_preview, b] == list(found)

    async def test_env_vars_of_others_do_not_exist(self, storage: Storage) -> None:
        """Of a foreign or deleted project there are none."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        await keep(storage, ann, bob, mine, foreign, gone)
        env_vars = [an_env_var(project) for project in (mine, foreign, gone)]
        await keep(storage, *env_vars)
        ids = [mine.id, foreign.id, gone.id]

        async with storage.snapshot() as uow:
            visible = uow.env_vars.visible_to(Actor.of(ann))
            assert [] == list(await visible.of_project(foreign.id))
            assert [env_vars[0]] == list(await visible.of_projects(ids))
            assert env_vars == list(await uow.env_vars.visible_to(PLATFORM).of_projects(ids))

    async def test_a_new_value_replaces_the_old_one(self, storage: Storage) -> None:
        """To put an env var of the same id changes it."""
        project = await keep_project(storage)
        env_var = an_env_var(project)
        await keep(storage, env_var)
        changed = evolve(env_var, secret=a_secret("new"), version=2, updated_at=later(1))

        await keep(storage, changed)

        async with storage.snapshot() as uow:
            found = await uow.env_vars.visible_to(PLATFORM).of_project(project.id)
        assert [changed] == list(found)

    async def test_a_key_is_there_once_in_a_scope(self, storage: Storage) -> None:
        """Two people who set the same new env var at once do not make two."""
        project = await keep_project(storage)
        await keep(storage, an_env_var(project, key="A"))

        with pytest.raises(DuplicateError, match="env var"):
            await keep(storage, an_env_var(project, key="A"))

    async def test_a_removed_env_var_is_gone(self, storage: Storage) -> None:
        """To remove it again is harmless."""
        project = await keep_project(storage)
        env_var = an_env_var(project)
        await keep(storage, env_var)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.env_vars.remove(env_var)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.env_vars.visible_to(PLATFORM).of_project(project.id))

    async def test_an_environment_is_frozen_with_its_deployment(self, storage: Storage) -> None:
        """It is found by the deployment, and a second freezing replaces the first."""
        project = await keep_project(storage)
        one, other = a_deployment(project), a_deployment(project)
        await keep(storage, one, other, an_environment(one), an_environment(other))
        frozen = an_environment(one, versions={"A": "x:2"}, secret=a_secret("new"))

        await keep(storage, frozen)

        async with storage.snapshot() as uow:
            assert [frozen] == list(await uow.env_vars.environments([one]))
            assert 2 == len(await uow.env_vars.environments([one, other]))

    async def test_an_env_var_needs_its_project(self, storage: Storage) -> None:
        """What is set on a project that was removed meanwhile is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, an_env_var(a_project(a_user())))


class CustomDomainsContract:
    """The promises of the ports `CustomDomains` and `VisibleCustomDomains`."""

    async def test_an_owner_sees_their_own_domains(self, storage: Storage) -> None:
        """They are listed the newest first; those of others and of deleted projects are not."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        old = a_custom_domain(mine, created_at=later(1))
        young = a_custom_domain(mine, created_at=later(2))
        hidden = a_custom_domain(foreign), a_custom_domain(gone)
        await keep(storage, ann, bob, mine, foreign, gone, young, old, *hidden)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(Actor.of(ann))
            assert [young, old] == list(await visible.all())
            assert old == await visible.get(old.id)
            assert 4 == len(await uow.custom_domains.visible_to(PLATFORM).all())
            for domain in hidden:
                with pytest.raises(NotFoundError, match="domain"):
                    await visible.get(domain.id)

    async def test_an_unknown_domain_is_not_found(self, storage: Storage) -> None:
        """An id that no domain has raises NotFoundError."""
        async with storage.snapshot() as uow:
            with pytest.raises(NotFoundError, match="domain"):
                await uow.custom_domains.visible_to(PLATFORM).get(CustomDomainId(an_id()))

    async def test_a_project_has_a_domain_once(self, storage: Storage) -> None:
        """Another project may claim the same one, as long as it is not verified."""
        one, other = await keep_project(storage), await keep_project(storage)
        await keep(storage, a_custom_domain(one, domain="app.example.com"))
        await keep(storage, a_custom_domain(other, domain="app.example.com"))

        with pytest.raises(DuplicateError, match="domain"):
            await keep(storage, a_custom_domain(one, domain="app.example.com"))

    async def test_a_verified_domain_is_taken(self, storage: Storage) -> None:
        """Nobody can claim what somebody has proven to own."""
        one, other = await keep_project(storage), await keep_project(storage)
        await keep(storage, a_custom_domain(one, domain="app.example.com", verified_at=later(1)))

        with pytest.raises(DuplicateError, match="domain"):
            await keep(storage, a_custom_domain(other, domain="app.example.com"))

    async def test_a_domain_is_changed(self, storage: Storage) -> None:
        """All that was seen of it is kept; one that was removed meanwhile is not found."""
        domain = a_custom_domain(await keep_project(storage))
        await keep(storage, domain)
        records = HostRecords(cname="edge.example.net", addresses=("192.0.2.1", "2001:db8::1"))
        changed = evolve(
            domain,
            verified_at=later(1),
            missing_since=later(2),
            checked_at=later(3),
            reason="The record was not found.",
            reachability=Reachability(seen=records),
        )

        async with storage.transaction() as uow:
            await uow.custom_domains.update(changed)

        async with storage.snapshot() as uow:
            assert [changed] == list(await uow.custom_domains.visible_to(PLATFORM).all())

    async def test_domains_come_when_they_are_to_be_looked_at(self, storage: Storage) -> None:
        """The longest due come first, only so many, and those that a clock has put too far off."""
        project = await keep_project(storage)
        new = a_custom_domain(project, created_at=later(30))
        seen = a_custom_domain(project, checked_at=later(10))
        proven = a_custom_domain(project, verified_at=later(0), checked_at=later(20))
        ahead = a_custom_domain(project, verified_at=later(0), checked_at=later(50_000))
        await keep(storage, new, seen, proven, ahead)

        async def due(seconds: float, limit: int = 9) -> list[CustomDomain]:
            async with storage.snapshot() as uow:
                visible = uow.custom_domains.visible_to(PLATFORM)
                return list(await visible.due(later(seconds), limit=limit))

        assert [ahead] == await due(69)
        assert [seen, ahead] == await due(70)
        assert [seen, new, ahead] == await due(90)
        assert [seen, new, proven, ahead] == await due(3620)
        assert [seen, new] == await due(3620, limit=2)
        assert [seen, new, proven] == await due(50_001)

    async def test_a_changed_domain_is_due_when_it_says(self, storage: Storage) -> None:
        """What was looked at is not looked at again at once; a claim is due when it ends."""
        domain = a_custom_domain(await keep_project(storage))
        await keep(storage, domain)
        changed = evolve(domain, checked_at=later(CLAIM_KEPT.total_seconds() - 5))
        async with storage.transaction() as uow:
            await uow.custom_domains.update(changed)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            end = CLAIM_KEPT.total_seconds()
            assert [] == list(await visible.due(later(end - 1), limit=9))
            assert [changed] == list(await visible.due(later(end), limit=9))

    async def test_verified_domains_are_found_by_name(self, storage: Storage) -> None:
        """Claims of the same names are not."""
        one, other = await keep_project(storage), await keep_project(storage)
        claim = a_custom_domain(other, domain="a.example.com")
        pending = a_custom_domain(one, domain="b.example.com")
        proven = a_custom_domain(one, domain="a.example.com", verified_at=later(1))
        await keep(storage, claim, pending, proven)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            names = {"a.example.com", "b.example.com", "c.example.com"}
            assert [proven] == list(await visible.verified(names))
            assert [] == list(await visible.verified({"c.example.com"}))

    async def test_domains_that_changed_lately_are_found(self, storage: Storage) -> None:
        """From a moment on."""
        project = await keep_project(storage)
        old, young = (a_custom_domain(project, updated_at=later(n)) for n in (1, 2))
        await keep(storage, old, young)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            assert [young] == list(await visible.changed_since(later(2)))

    async def test_a_domain_that_is_gone_is_not_changed(self, storage: Storage) -> None:
        """Whoever has looked at it for long hears that it was removed meanwhile."""
        domain = a_custom_domain(await keep_project(storage))

        async with storage.transaction() as uow:
            with pytest.raises(NotFoundError, match="domain"):
                await uow.custom_domains.update(domain)

    async def test_one_of_several_claims_is_verified(self, storage: Storage) -> None:
        """The others may be changed, but not be verified as well."""
        claims = [
            a_custom_domain(await keep_project(storage), domain="app.example.com") for _ in range(2)
        ]
        await keep(storage, *claims)
        async with storage.transaction() as uow:
            await uow.custom_domains.update(evolve(claims[0], verified_at=later(1)))

        with pytest.raises(DuplicateError, match="domain"):
            async with storage.transaction() as uow:
                await uow.custom_domains.update(evolve(claims[1], verified_at=later(2)))

        async with storage.transaction() as uow:
            await uow.custom_domains.update(evolve(claims[1], checked_at=later(2)))

    async def test_a_removed_domain_is_gone(self, storage: Storage) -> None:
        """To remove it again is harmless."""
        domain = a_custom_domain(await keep_project(storage))
        await keep(storage, domain)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.custom_domains.remove(domain)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.custom_domains.visible_to(PLATFORM).all())
