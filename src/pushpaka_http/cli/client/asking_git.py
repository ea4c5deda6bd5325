"""What a command asks git of the folder in which it is given."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.process.passing import open_passing_processes
from pushpaka_core.ports.processes import Processes

T = TypeVar("T")


def ask_git(question: Callable[[Processes, Path], Awaitable[T]]) -> T:
    """
    Return the answer to *question*, which is given what starts git, and where that is.

    Raises:
        SettingsError: If git is not installed.
        PlatformFaultError: If it refuses.
    """
    return anyio.run(_ask, question, find_git())


async def _ask(question: Callable[[Processes, Path], Awaitable[T]], git: Path) -> T:
    async with open_passing_processes() as processes:
        return await question(processes, git)
