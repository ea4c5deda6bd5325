"""Readiness of a process, which depends on the database schema and on shutdown."""

from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import httpx
import pytest
from anyio import to_thread
from attrs import frozen
from tests.adapters.sql.operators import NEWER, UNSPARING, change
from tests.http.clients import speaking_to

from pushpaka_core.bootstrap import open_application
from pushpaka_core.container.application import Application
from pushpaka_core.settings.settings import RouterChoice, RuntimeChoice, Settings
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio


@frozen
class Process:
    """A process that uses a database."""

    settings: Settings
    application: Application
    client: httpx.AsyncClient

    async def ready(self) -> int:
        """Return the HTTP status of the readiness check."""
        return (await self.client.get("/ready")).status_code


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    settings = Settings(
        data_directory=tmp_path / "data", runtime=RuntimeChoice.PROCESS, router=RouterChoice.NONE
    )
    await to_thread.run_sync(import_module, "pushpaka_core.adapters.security.hasher")
    async with (
        open_application(settings) as application,
        speaking_to(create_app(application)) as client,
    ):
        yield Process(settings, application, client)


async def test_a_newer_schema_makes_an_old_process_unready(process: Process) -> None:
    """A process is ready after a migration only if the new schema still supports its version."""
    url, answers = process.settings.storage_url, [await process.ready()]

    for statement in (NEWER, UNSPARING):
        await to_thread.run_sync(change, url, statement)
        answers.append(await process.ready())

    assert [200, 200, 503] == answers


async def test_a_process_that_ends_is_not_ready(process: Process) -> None:
    before = await process.ready()

    process.application.shutdown_signal.end()

    assert (200, 503) == (before, await process.ready())
