"""Finds traces of deployments: processes, files, images and containers."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from anyio import fail_after, sleep, to_thread
from tests.engine.engines import names_with
from tests.served_instance import ServedInstance
from tests.swarm.resources import swarm_resources


def commands() -> list[str]:
    """Return the command lines of all processes, including those in containers."""
    return list(map(_command_line, _processes()))


def command_lines_with(mark: str) -> list[str]:
    """Return the command lines that contain *mark*."""
    return [command for command in commands() if mark in command]


def processes_with(mark: str) -> list[psutil.Process]:
    """Return the processes whose command lines contain *mark*."""
    return [process for process in _processes() if mark in _command_line(process)]


def traces_of(mark: str, served_instance: ServedInstance) -> list[str]:
    """
    Return the files, images and containers of an instance with *mark* in their names.

    On a Swarm, also return everything else with *mark*, on the nodes and in the registry.
    """
    files = [
        str(path) for path in _paths_below(served_instance.data_directory) if mark in path.name
    ]
    if served_instance.runs_on_a_swarm:
        held = swarm_resources(served_instance)
        return [*files, *(name for name, description in held.items() if mark in description)]
    return [*files, *(name for url in served_instance.engines for name in names_with(mark, url))]


def files_containing(directory: Path, secret: str) -> list[Path]:
    """Return the files below *directory* that contain *secret*."""
    return [path for path, content in contents_below(directory) if secret.encode() in content]


def contents_below(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the files below *directory* with their contents."""
    yield from ((path, _read_if_exists(path)) for path in _paths_below(directory))


async def wait_until_gone(mark: str, *, served_instance: ServedInstance | None = None) -> None:
    """Wait until no command line and no resource name of an instance contains *mark*."""
    with fail_after(60):
        while await to_thread.run_sync(_has_traces, mark, served_instance):
            await sleep(0.05)


def _processes() -> Iterator[psutil.Process]:
    return psutil.process_iter(["cmdline"])


def _command_line(process: psutil.Process) -> str:
    return " ".join(process.info["cmdline"] or ())


def _has_traces(mark: str, served_instance: ServedInstance | None) -> bool:
    return bool(command_lines_with(mark) or (served_instance and traces_of(mark, served_instance)))


def _paths_below(directory: Path) -> Iterator[Path]:
    """Yield all files and directories below a directory, even if some are removed meanwhile."""
    for parent, directories, files in os.walk(directory):
        yield from (Path(parent, name) for name in (*directories, *files))


def _read_if_exists(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        if path.is_file() and not path.is_symlink():
            return path.read_bytes()
    return b""
