"""Creates Git repositories from plain directories."""

from pathlib import Path

from anyio import to_thread

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.host.process_output import run_captured
from pushpaka_core.ports.processes import Command, ProcessManager

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


async def create_repository(process_manager: ProcessManager, directory: Path) -> None:
    """
    Create a repository in *directory*, with all files in one commit on `main`.

    Raises:
        SettingsError: If git is not installed.
        PlatformFaultError: If git fails.
    """
    git = await to_thread.run_sync(find_git)
    for step in _STEPS:
        await _run(
            process_manager, Command(argv=[str(git), *step], directory=directory, env=_env(git))
        )


def _env(git: Path) -> dict[str, str]:
    return {**_ENVIRONMENT, "PATH": f"{git.parent}:/usr/bin:/bin"}


async def _run(process_manager: ProcessManager, command: Command) -> None:
    result = await run_captured(process_manager, command)
    if not result.exit.succeeded:
        raise PlatformFaultError(
            f"The repository could not be created: git {result.exit.description}."
            f" {result.errors.strip()}"
        )
