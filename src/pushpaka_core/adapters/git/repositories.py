"""Makes a Git repository of files that are in none."""

from pathlib import Path

from anyio import to_thread

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Command, OutputChunk, Processes

_IDENTITY = ("-c", "user.name=Pushpaka", "-c", "user.email=pushpaka@localhost")
_STEPS = (
    ("init", "--quiet", "--initial-branch=main"),
    ("add", "--all"),
    (*_IDENTITY, "commit", "--quiet", "--message=Begin"),
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
}


async def make_repository(processes: Processes, directory: Path) -> None:
    """
    Put all files of *directory*, which is no repository yet, into one commit on `main`.

    Raises:
        SettingsError: If git is not installed.
        PlatformFaultError: If git fails.
    """
    git = await to_thread.run_sync(find_git)
    for step in _STEPS:
        await _run(processes, Command(argv=[str(git), *step], directory=directory, env=_env(git)))


def _env(git: Path) -> dict[str, str]:
    return {**_ENVIRONMENT, "PATH": f"{git.parent}:/usr/bin:/bin"}


async def _run(processes: Processes, command: Command) -> None:
    printed: list[bytes] = []

    async def keep(chunk: OutputChunk) -> None:
        printed.append(chunk.data)

    ended = await processes.run(command, on_output=keep)
    if not ended.succeeded:
        text = b"".join(printed).decode(errors="replace").strip()
        raise PlatformFaultError(f"No repository could be made: git {ended.words}. {text}")
