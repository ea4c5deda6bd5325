"""Contract tests of entities that belong to projects, for every entity type."""

from typing import Any, TypeAlias

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.projects.entities import EntityType, ProjectEntity
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import ENTITIES, a_project
from pushpaka_core.testing.objects.values import later
from pushpaka_core.testing.stored_objects import store, store_project

AnyType: TypeAlias = EntityType[Any, ProjectEntity]

_each_type = pytest.mark.parametrize("entity_type", ENTITIES, ids=lambda each: each.noun)
_each_type_with_unique_field = pytest.mark.parametrize(
    "entity_type", [each for each in ENTITIES if each.unique], ids=lambda each: each.noun
)


class ProjectEntitiesContract:
    """Contract tests of the `ProjectEntities` port."""

    @_each_type
    async def test_an_owner_sees_their_own_entities(
        self, storage: Storage, entity_type: AnyType
    ) -> None:
        """Entities are listed newest first, except those of other owners and deleted projects."""
        create = ENTITIES[entity_type]
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        old, young = create(mine, created_at=later(1)), create(mine, created_at=later(2))
        hidden = create(foreign), create(gone)
        await store(storage, ann, bob, mine, foreign, gone, young, old, *hidden)

        async with storage.snapshot() as uow:
            entities = uow.entities(entity_type)
            visible = entities.visible_to(Actor.from_user(ann))
            assert [young, old] == list(await visible.all())
            assert old == await visible.get(old.id)
            assert [young, old] == list(await visible.of_project(mine.id))
            assert [] == list(await visible.of_project(foreign.id))
            assert 4 == len(await entities.visible_to(PLATFORM).all())
            assert [hidden[0]] == list(await entities.visible_to(PLATFORM).of_project(foreign.id))
            for entity in hidden:
                with pytest.raises(NotFoundError, match=entity_type.noun):
                    await visible.get(entity.id)

    @_each_type
    async def test_an_entity_is_found_only_by_its_type(
        self, storage: Storage, entity_type: AnyType
    ) -> None:
        """Entities of one type are not found among those of another type, even by their ids."""
        project = await store_project(storage)
        others = [create(project) for each, create in ENTITIES.items() if each is not entity_type]
        await store(storage, *others)

        async with storage.snapshot() as uow:
            visible = uow.entities(entity_type).visible_to(PLATFORM)
            assert [] == list(await visible.all())
            for other in others:
                with pytest.raises(NotFoundError, match=entity_type.noun):
                    await visible.get(other.id)

    @_each_type
    async def test_an_entity_can_be_changed(self, storage: Storage, entity_type: AnyType) -> None:
        """A changed entity is stored, and the other entities of its type stay unchanged."""
        project = await store_project(storage)
        entity, other = (ENTITIES[entity_type](project, created_at=later(n)) for n in (1, 2))
        await store(storage, entity, other)
        changed = evolve(entity, created_at=later(3))

        async with storage.transaction() as uow:
            await uow.entities(entity_type).update(changed)

        async with storage.snapshot() as uow:
            visible = uow.entities(entity_type).visible_to(PLATFORM)
            assert [changed, other] == list(await visible.all())

    @_each_type
    async def test_removed_entity_cannot_be_changed(
        self, storage: Storage, entity_type: AnyType
    ) -> None:
        """Updating a removed entity raises NotFoundError."""
        entity = ENTITIES[entity_type](await store_project(storage))

        async with storage.transaction() as uow:
            with pytest.raises(NotFoundError, match=entity_type.noun):
                await uow.entities(entity_type).update(entity)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.entities(entity_type).visible_to(PLATFORM).all())

    @_each_type
    async def test_a_removed_entity_is_gone(self, storage: Storage, entity_type: AnyType) -> None:
        """Removing an entity again has no effect, and the same entity can be added again."""
        entity = ENTITIES[entity_type](await store_project(storage))
        await store(storage, entity)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.entities(entity_type).remove(entity)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.entities(entity_type).visible_to(PLATFORM).all())
        await store(storage, entity)

    @_each_type_with_unique_field
    async def test_unique_value_is_unique_in_a_project(
        self, storage: Storage, entity_type: AnyType
    ) -> None:
        """Entities of other projects can have the same value."""
        create, unique = ENTITIES[entity_type], str(entity_type.unique)
        one, other = await store_project(storage), await store_project(storage)
        first, second = create(one), create(one)
        same = {unique: getattr(first, unique)}
        await store(storage, first, second, create(other, **same))

        with pytest.raises(DuplicateError, match=entity_type.noun):
            await store(storage, create(one, **same))
        with pytest.raises(DuplicateError, match=entity_type.noun):
            async with storage.transaction() as uow:
                await uow.entities(entity_type).update(evolve(second, **same))
