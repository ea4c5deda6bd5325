"""What every storage must do with deploy keys, as tests."""

import pytest

from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import a_deploy_key, a_project, a_secret, a_user, later


class DeployKeysContract:
    """The promises of the port `DeployKeys`."""

    async def test_a_project_has_one_deploy_key(self, storage: Storage) -> None:
        """A new one takes the place of the old one, and those of others are left alone."""
        mine, other = await keep_project(storage), await keep_project(storage)
        new = a_deploy_key(mine, private_key=a_secret("new"), created_at=later(1))
        await keep(storage, a_deploy_key(mine), a_deploy_key(other))

        await keep(storage, new)

        async with storage.snapshot() as uow:
            assert new == await uow.deploy_keys.find(mine)
            assert a_deploy_key(other) == await uow.deploy_keys.find(other)

    async def test_which_projects_have_one_is_known_at_once(self, storage: Storage) -> None:
        """Of those that are asked for, and of no others."""
        mine, other, without = [await keep_project(storage) for _ in range(3)]
        await keep(storage, a_deploy_key(mine), a_deploy_key(other))

        async with storage.snapshot() as uow:
            assert {mine.id} == set(await uow.deploy_keys.holders([mine, without]))

    async def test_a_removed_deploy_key_is_gone(self, storage: Storage) -> None:
        """To remove it again is harmless."""
        project = await keep_project(storage)
        key = a_deploy_key(project)
        await keep(storage, key)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.deploy_keys.remove(key)

        async with storage.snapshot() as uow:
            assert await uow.deploy_keys.find(project) is None

    async def test_a_deploy_key_needs_its_project(self, storage: Storage) -> None:
        """One for a project that was removed meanwhile is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, a_deploy_key(a_project(a_user())))
