"""Secrets are encrypted anew, whatever happens meanwhile."""

import pytest
from attrs import evolve

from pushpaka_core.adapters.memory.security import MemoryCipher
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.env_vars import EnvVar
from pushpaka_core.domain.projects import Project
from pushpaka_core.services.key_rotation import KeyRotation
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_secret, an_env_var, later

pytestmark = pytest.mark.anyio

OLD = MemoryCipher()
NEW = OLD.rotated("new")


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def rotation(storage: MemoryStorage) -> KeyRotation:
    return KeyRotation(storage, NEW, "new")


async def test_more_secrets_than_fit_into_one_batch_are_encrypted_anew(
    storage: MemoryStorage, rotation: KeyRotation
) -> None:
    """Each keeps its value."""
    project = await keep_project(storage)
    env_vars = [_sealed(an_env_var(project, key=f"K{n}"), f"value {n}") for n in range(250)]
    await keep(storage, *env_vars)

    unreadable = await rotation.reencrypt()

    kept = await _env_vars(storage, project)
    assert [] == list(unreadable)
    assert {"new"} == {each.secret.key_id for each in kept}
    values = {each.key: NEW.decrypt(each.secret, context=each.secret_context) for each in kept}
    assert {f"K{n}": f"value {n}" for n in range(250)} == values


async def test_what_no_key_opens_is_told_and_stops_nothing(
    storage: MemoryStorage, rotation: KeyRotation
) -> None:
    """It stays as it is, and all others are encrypted anew."""
    project = await keep_project(storage)
    lost = an_env_var(project, key="LOST", secret=evolve(a_secret(), key_id="gone"))
    await keep(storage, lost, _sealed(an_env_var(project, key="KEPT"), "value"))

    unreadable = await rotation.reencrypt()

    assert [lost.id] == [secret.id for secret in unreadable]
    kept = await _env_vars(storage, project)
    assert {"LOST": "gone", "KEPT": "new"} == {each.key: each.secret.key_id for each in kept}


async def test_what_is_written_by_the_older_key_meanwhile_is_found(
    storage: MemoryStorage, rotation: KeyRotation
) -> None:
    """Who had not heard of the new key yet leaves nothing behind it."""
    project = await keep_project(storage)
    await keep(storage, first := _sealed(an_env_var(project, key="A"), "first"))
    await rotation.reencrypt()
    late = evolve(_sealed(first, "late"), version=2, updated_at=later(1))
    await keep(storage, late, _sealed(an_env_var(project, key="B"), "other"))

    await rotation.reencrypt()

    kept = await _env_vars(storage, project)
    assert ["late", "other"] == [
        NEW.decrypt(each.secret, context=each.secret_context) for each in kept
    ]
    assert {"new"} == {each.secret.key_id for each in kept}


def _sealed(env_var: EnvVar, value: str) -> EnvVar:
    return evolve(env_var, secret=OLD.encrypt(value, context=env_var.secret_context))


async def _env_vars(storage: MemoryStorage, project: Project) -> list[EnvVar]:
    async with storage.snapshot() as uow:
        return list(await uow.env_vars.visible_to(PLATFORM).of_project(project.id))
