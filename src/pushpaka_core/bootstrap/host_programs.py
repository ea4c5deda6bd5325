"""Finds and queries programs that are installed on this host."""

import shutil
from functools import partial
from pathlib import Path

from anyio import TemporaryDirectory, to_thread

from pushpaka_core.bootstrap.data_directory import SEARCH_PATH
from pushpaka_core.ports.processes import Command, OutputChunk


async def find_program(program: str) -> str | None:
    """Return the path of a program in SEARCH_PATH, or None."""
    return await to_thread.run_sync(partial(shutil.which, program, path=SEARCH_PATH))


async def program_output(*argv: str) -> str | None:
    """
    Run a program and return its output, or None if it fails.

    It runs with an empty home directory, so that its user configuration has no effect.
    """
    from pushpaka_core.adapters.process.supervisor.temporary_processes import (
        open_temporary_processes,
    )

    output = bytearray()

    async def take(chunk: OutputChunk) -> None:
        output.extend(chunk.data)

    async with (
        TemporaryDirectory(prefix="pushpaka-") as home,
        open_temporary_processes() as processes,
    ):
        command = Command(argv=argv, directory=Path(home), env={"PATH": SEARCH_PATH, "HOME": home})
        ended = await processes.run(command, on_output=take)
    return output.decode(errors="replace").strip() if ended.succeeded else None
