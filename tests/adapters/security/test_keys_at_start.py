"""Tests that a process that starts during a key rotation also loads the new key."""

from pathlib import Path

import pytest
from anyio import to_thread
from attrs import evolve

from pushpaka_core.adapters.security.key_file import make_cipher
from pushpaka_core.adapters.security.keys import KEY_FILE, replace_keys
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.bootstrap.data_directory import prepare_data_directory
from pushpaka_core.bootstrap.host import open_host_adapters
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_core.testing.objects.projects import an_env_var
from pushpaka_core.testing.objects.values import NOON
from pushpaka_core.testing.stored_objects import store, store_project

pytestmark = pytest.mark.anyio


async def test_a_key_that_is_created_during_the_start_is_loaded(tmp_path: Path) -> None:
    """Without the new key, the process does not start."""
    settings = Settings(
        data_directory=tmp_path, runtime=RuntimeChoice.PROCESS, router=RouterChoice.NONE
    )
    data_directory = await to_thread.run_sync(
        prepare_data_directory, settings, RuntimeChoice.PROCESS
    )
    rotated, path = data_directory.keys.rotated(NOON), tmp_path / KEY_FILE
    async with open_storage(settings.storage_url, migrate=True) as storage:
        env_var = an_env_var(await store_project(storage))
        sealed = make_cipher(rotated).encrypt("value", context=env_var.secret_context)
        await store(storage, evolve(env_var, secret=sealed))

    with pytest.raises(SettingsError, match=rotated.current_key):
        async with open_host_adapters(settings, data_directory, is_exclusive=True):
            pass
    await to_thread.run_sync(replace_keys, path, rotated)
    async with open_host_adapters(settings, data_directory, is_exclusive=True) as adapters:
        opened = adapters.cipher.decrypt(sealed, context=env_var.secret_context)

    assert "value" == opened
