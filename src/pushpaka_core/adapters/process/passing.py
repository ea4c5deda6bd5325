"""Programs of this host for who asks them something once, and keeps nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import TemporaryDirectory

from pushpaka_core.adapters.process.cgroups import Cgroups
from pushpaka_core.adapters.process.processes import HostProcesses


@asynccontextmanager
async def open_passing_processes() -> AsyncIterator[HostProcesses]:
    """Run what is asked for at once, without limits that a control group would keep."""
    async with TemporaryDirectory(prefix="pushpaka-") as scratch:
        yield HostProcesses(Path(scratch) / "processes", cgroups=Cgroups)
