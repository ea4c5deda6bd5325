"""What is found by looking, and what to do about it."""

import shutil
from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from pathlib import Path

from anyio import TemporaryDirectory, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.bootstrap.ground import SEARCH_PATH
from pushpaka_core.ports.processes import Command, OutputChunk
from pushpaka_core.settings import Settings


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not all of it, or not for long."""
    PROBLEM = "problem"
    """Something that the settings ask for cannot work."""


@frozen
class Finding:
    """How one thing stands."""

    level: Level
    told: str
    advice: str = field(default="", kw_only=True)
    """What to do; nothing where all is well."""


Check = Callable[[Settings], Awaitable[Finding]]


def ok(told: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, told)


def warning(told: str, advice: str) -> Finding:
    """Return what should be seen to."""
    return Finding(Level.WARNING, told, advice=advice)


def problem(told: str, advice: str) -> Finding:
    """Return what has to be seen to."""
    return Finding(Level.PROBLEM, told, advice=advice)


async def said_by(*argv: str) -> str | None:
    """Return what a program prints; None where it fails."""
    output = bytearray()

    async def take(chunk: OutputChunk) -> None:
        output.extend(chunk.data)

    async with TemporaryDirectory(prefix="pushpaka-") as scratch:
        processes = HostProcesses.without_groups(Path(scratch) / "processes")
        command = Command(
            argv=argv, directory=Path(scratch), env={"PATH": SEARCH_PATH, "HOME": scratch}
        )
        ended = await processes.run(command, on_output=take)
    return output.decode(errors="replace").strip() if ended.succeeded else None


async def on_path(program: str) -> str | None:
    """Return where a program is, as Pushpaka looks for it."""
    return await to_thread.run_sync(partial(shutil.which, program, path=SEARCH_PATH))


def nearest(path: Path) -> Path:
    """Return *path*, or the directory above it that is there already."""
    return next(place for place in (path, *path.parents) if place.exists())
