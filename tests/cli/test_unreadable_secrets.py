"""What `pushpaka keys rotate` says of secrets that no key opens."""

from functools import partial
from pathlib import Path

import pytest
from anyio import to_thread
from attrs import evolve
from click.testing import CliRunner

from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.bootstrap.ground import prepare
from pushpaka_core.settings import RuntimeChoice, Settings
from pushpaka_core.testing.keeping import keep, keep_deployment
from pushpaka_core.testing.objects import a_secret, an_environment
from pushpaka_http.cli.keys import command

pytestmark = pytest.mark.anyio


async def test_of_an_environment_it_is_told_what_to_do(tmp_path: Path) -> None:
    """It is of one deployment, so that nobody can set it anew as they can an env var."""
    settings = Settings(data_directory=tmp_path, runtime=RuntimeChoice.PROCESS)
    await to_thread.run_sync(prepare, settings, RuntimeChoice.PROCESS)
    async with open_storage(settings.storage_url, migrate=True) as storage:
        deployment = await keep_deployment(storage)
        lost = an_environment(deployment, secret=evolve(a_secret(), key_id="gone"))
        await keep(storage, lost)

    env = {"PUSHPAKA_DATA_DIRECTORY": str(tmp_path), "PUSHPAKA_TEST_TIMING": "fast"}
    run = await to_thread.run_sync(partial(CliRunner().invoke, command, ["rotate"], env=env))

    assert 1 == run.exit_code
    assert f"No key opens the environment of {deployment.id}." in run.output
    assert "where that deployment is live, deploy its project again" in run.output
