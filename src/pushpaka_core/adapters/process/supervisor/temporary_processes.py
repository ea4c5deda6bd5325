"""Temporary host processes, for one-off queries without a data directory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import TemporaryDirectory

from pushpaka_core.adapters.process.sandbox.cgroups import Cgroups
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses


@asynccontextmanager
async def open_temporary_processes() -> AsyncIterator[HostProcesses]:
    """Yield a process adapter whose state is deleted at the end, without control groups."""
    async with TemporaryDirectory(prefix="pushpaka-") as scratch:
        yield HostProcesses(Path(scratch) / "processes", cgroups=Cgroups)
