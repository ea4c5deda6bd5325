"""Instances of the version before, for whoever upgrades them."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.postgres import PostgresServer
from tests.served import Served, open_served

PREVIOUS = (sys.executable, str(Path(__file__).with_name("previous.py")))
"""What `pushpaka` was."""


@asynccontextmanager
async def open_previous(request: pytest.FixtureRequest, **env: str) -> AsyncIterator[Served]:
    """Yield one that is not started yet, on a database of its own of the kind *request* names."""
    async with open_served(**env) as served:
        served.program = PREVIOUS
        if request.param == "sqlite":
            yield served
            return
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database(migrated=False) as url:
            served.env["PUSHPAKA_DATABASE_URL"] = url
            yield served
