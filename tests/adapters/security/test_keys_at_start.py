"""A process that starts while keys are rotated has the new one too."""

from pathlib import Path

import pytest
from anyio import to_thread
from attrs import evolve

from pushpaka_core.adapters.security.key_file import cipher_of
from pushpaka_core.adapters.security.keys import KEY_FILE, replace_keys
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.bootstrap.ground import prepare
from pushpaka_core.bootstrap.host import host_adapters
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import NOON, an_env_var

pytestmark = pytest.mark.anyio


async def test_a_key_that_was_made_during_the_start_is_found(tmp_path: Path) -> None:
    """What is encrypted with it can be read; without it the process does not start."""
    settings = Settings(
        data_directory=tmp_path, runtime=RuntimeChoice.PROCESS, router=RouterChoice.NONE
    )
    ground = await to_thread.run_sync(prepare, settings, RuntimeChoice.PROCESS)
    rotated, path = ground.keys.rotated(NOON), tmp_path / KEY_FILE
    async with open_storage(settings.storage_url, migrate=True) as storage:
        env_var = an_env_var(await keep_project(storage))
        sealed = cipher_of(rotated).encrypt("value", context=env_var.secret_context)
        await keep(storage, evolve(env_var, secret=sealed))

    with pytest.raises(SettingsError, match=rotated.current_key):
        async with host_adapters(settings, ground, is_alone=True):
            pass
    await to_thread.run_sync(replace_keys, path, rotated)
    async with host_adapters(settings, ground, is_alone=True) as adapters:
        opened = adapters.cipher.decrypt(sealed, context=env_var.secret_context)

    assert "value" == opened
