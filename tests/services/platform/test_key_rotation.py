"""Secrets are re-encrypted, even if they change concurrently."""

import pytest
from attrs import evolve

from pushpaka_core.adapters.memory.security import MemoryCipher
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.projects.env_vars import EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.services.platform.key_rotation import KeyRotation
from pushpaka_core.testing.objects.projects import an_env_var
from pushpaka_core.testing.objects.values import a_secret, later
from pushpaka_core.testing.stored_objects import store, store_project

pytestmark = pytest.mark.anyio

OLD = MemoryCipher()
NEW = OLD.rotated("new")


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def rotation(storage: MemoryStorage) -> KeyRotation:
    return KeyRotation(storage, NEW, "new")


async def test_reencrypts_more_secrets_than_fit_into_one_batch(
    storage: MemoryStorage, rotation: KeyRotation
) -> None:
    project = await store_project(storage)
    env_vars = [_encrypted(an_env_var(project, key=f"K{n}"), f"value {n}") for n in range(250)]
    await store(storage, *env_vars)

    unreadable = await rotation.reencrypt()

    kept = await _env_vars(storage, project)
    assert [] == list(unreadable)
    assert {"new"} == {each.secret.key_id for each in kept}
    values = {each.key: NEW.decrypt(each.secret, context=each.secret_context) for each in kept}
    assert {f"K{n}": f"value {n}" for n in range(250)} == values


async def test_unreadable_secrets_are_returned_and_skipped(
    storage: MemoryStorage, rotation: KeyRotation
) -> None:
    project = await store_project(storage)
    lost = an_env_var(project, key="LOST", secret=evolve(a_secret(), key_id="gone"))
    await store(storage, lost, _encrypted(an_env_var(project, key="KEPT"), "value"))

    unreadable = await rotation.reencrypt()

    assert [lost.id] == [secret.id for secret in unreadable]
    kept = await _env_vars(storage, project)
    assert {"LOST": "gone", "KEPT": "new"} == {each.key: each.secret.key_id for each in kept}


async def test_finds_secrets_written_concurrently_with_the_old_key(
    storage: MemoryStorage, rotation: KeyRotation
) -> None:
    project = await store_project(storage)
    await store(storage, first := _encrypted(an_env_var(project, key="A"), "first"))
    await rotation.reencrypt()
    late = evolve(_encrypted(first, "late"), version=2, updated_at=later(1))
    await store(storage, late, _encrypted(an_env_var(project, key="B"), "other"))

    await rotation.reencrypt()

    kept = await _env_vars(storage, project)
    assert ["late", "other"] == [
        NEW.decrypt(each.secret, context=each.secret_context) for each in kept
    ]
    assert {"new"} == {each.secret.key_id for each in kept}


def _encrypted(env_var: EnvVar, value: str) -> EnvVar:
    return evolve(env_var, secret=OLD.encrypt(value, context=env_var.secret_context))


async def _env_vars(storage: MemoryStorage, project: Project) -> list[EnvVar]:
    async with storage.snapshot() as uow:
        return list(await uow.env_vars.visible_to(PLATFORM).of_project(project.id))
