"""Programs that are installed on this host: where they are, and what they say of themselves."""

import shutil
from functools import partial
from pathlib import Path

from anyio import TemporaryDirectory, to_thread

from pushpaka_core.bootstrap.ground import SEARCH_PATH
from pushpaka_core.ports.processes import Command, OutputChunk


async def on_path(program: str) -> str | None:
    """Return where a program is, as Pushpaka looks for it."""
    return await to_thread.run_sync(partial(shutil.which, program, path=SEARCH_PATH))


async def said_by(*argv: str) -> str | None:
    """Return what a program prints, which finds nothing at home; None where it fails."""
    from pushpaka_core.adapters.process.passing import open_passing_processes

    output = bytearray()

    async def take(chunk: OutputChunk) -> None:
        output.extend(chunk.data)

    async with (
        TemporaryDirectory(prefix="pushpaka-") as home,
        open_passing_processes() as processes,
    ):
        command = Command(argv=argv, directory=Path(home), env={"PATH": SEARCH_PATH, "HOME": home})
        ended = await processes.run(command, on_output=take)
    return output.decode(errors="replace").strip() if ended.succeeded else None
