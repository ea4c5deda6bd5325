"""What Pushpaka leaves on this host: processes, as `ps` would show them, and files."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from anyio import fail_after, sleep, to_thread


def commands() -> list[str]:
    """Return the command lines of all processes."""
    processes = psutil.process_iter(["cmdline"])
    return [" ".join(process.info["cmdline"] or ()) for process in processes]


def commands_with(mark: str) -> list[str]:
    """Return the command lines in which *mark* is."""
    return [command for command in commands() if mark in command]


def paths_with(mark: str, directory: Path) -> list[Path]:
    """Return what has *mark* in its name below *directory*."""
    return [path for path in _below(directory) if mark in path.name]


def files_holding(directory: Path, secret: str) -> list[Path]:
    """Return the files below *directory* in which *secret* is."""
    return [path for path in _below(directory) if secret.encode() in _content(path)]


async def until_gone(mark: str, *, below: Path | None = None) -> None:
    """Return once *mark* is in no command line, nor in a name *below* a directory."""
    with fail_after(20):
        while await to_thread.run_sync(_is_left, mark, below):
            await sleep(0.05)


def _is_left(mark: str, below: Path | None) -> bool:
    return bool(commands_with(mark) or (below and paths_with(mark, below)))


def _below(directory: Path) -> Iterator[Path]:
    """Yield what there is, while others remove some of it."""
    for parent, directories, files in os.walk(directory):
        yield from (Path(parent, name) for name in (*directories, *files))


def _content(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        if path.is_file() and not path.is_symlink():
            return path.read_bytes()
    return b""
