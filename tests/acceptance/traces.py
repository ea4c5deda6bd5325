"""What Pushpaka leaves: processes of all machines as `ps` would show them, files, and images."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from anyio import fail_after, sleep, to_thread
from tests.engine.engines import names_with
from tests.served import Served
from tests.swarm.holdings import held_in_a_swarm


def commands() -> list[str]:
    """Return the command lines of all processes, those in containers included."""
    return list(map(_command, _processes()))


def commands_with(mark: str) -> list[str]:
    """Return the command lines in which *mark* is."""
    return [command for command in commands() if mark in command]


def processes_with(mark: str) -> list[psutil.Process]:
    """Return the processes in whose command lines *mark* is."""
    return [process for process in _processes() if mark in _command(process)]


def kept_with(mark: str, served: Served) -> list[str]:
    """
    Return the files, images and containers of an instance that have *mark* in their names.

    On a Swarm also what else bears it, at the manager, on the machines and in the registry.
    """
    files = [str(path) for path in _below(served.data_directory) if mark in path.name]
    if served.runs_on_a_swarm:
        held = held_in_a_swarm(served)
        return [*files, *(name for name, told in held.items() if mark in told)]
    return [*files, *(name for url in served.engines for name in names_with(mark, url))]


def files_holding(directory: Path, secret: str) -> list[Path]:
    """Return the files below *directory* in which *secret* is."""
    return [path for path, content in contents_below(directory) if secret.encode() in content]


def contents_below(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the files below *directory*, with what is in them."""
    yield from ((path, _content(path)) for path in _below(directory))


async def until_gone(mark: str, *, of: Served | None = None) -> None:
    """Return once *mark* is in no command line, nor in a name of what an instance keeps."""
    with fail_after(60):
        while await to_thread.run_sync(_is_left, mark, of):
            await sleep(0.05)


def _processes() -> Iterator[psutil.Process]:
    return psutil.process_iter(["cmdline"])


def _command(process: psutil.Process) -> str:
    return " ".join(process.info["cmdline"] or ())


def _is_left(mark: str, served: Served | None) -> bool:
    return bool(commands_with(mark) or (served and kept_with(mark, served)))


def _below(directory: Path) -> Iterator[Path]:
    """Yield what there is, while others remove some of it."""
    for parent, directories, files in os.walk(directory):
        yield from (Path(parent, name) for name in (*directories, *files))


def _content(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        if path.is_file() and not path.is_symlink():
            return path.read_bytes()
    return b""
