"""The current folder and the state of its Git working tree."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio
from attrs import frozen

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.working_trees import WorkingTree, WorkingTreeState
from pushpaka_core.adapters.process.supervisor.temporary_processes import open_temporary_processes
from pushpaka_core.domain.projects.repository_urls import are_same_repository
from pushpaka_core.ports.processes import ProcessManager

T = TypeVar("T")


def run_with_git(action: Callable[[ProcessManager, Path], Awaitable[T]]) -> T:
    """
    Call *action* with a process manager and the path of git, and return its result.

    Raises:
        SettingsError: If git is not installed.
        PlatformFaultError: If git fails.
    """
    return anyio.run(_run, action, find_git())


async def _run(action: Callable[[ProcessManager, Path], Awaitable[T]], git: Path) -> T:
    async with open_temporary_processes() as processes:
        return await action(processes, git)


@frozen(kw_only=True)
class LocalFolder:
    """A directory in a Git working tree, with its checked-out commit."""

    root: Path
    """The root of the working tree."""
    relative_path: str
    """The path relative to the root. Empty for the root itself."""
    state: WorkingTreeState

    def remotes_of(self, repo_url: str) -> list[str]:
        """Return the names of the remotes with the URL *repo_url*."""
        remotes = self.state.remotes.items()
        return [name for name, address in remotes if are_same_repository(address, repo_url)]

    def is_clone_of(self, repo_url: str) -> bool:
        """
        Return True if the folder is in a clone of the repository at *repo_url*, or in that
        repository itself.
        """
        return repo_url == str(self.root) or bool(self.remotes_of(repo_url))

    def is_pushed(self, repo_url: str, branch: str) -> bool:
        """
        Return True if *branch* at *repo_url* contains the checked-out commit, as of the last fetch
        or push.
        """
        if repo_url == str(self.root):
            return branch == self.state.branch
        holders = self.state.remote_branches
        return any(f"{name}/{branch}" in holders for name in self.remotes_of(repo_url))


def read_folder(directory: Path | None = None) -> LocalFolder | None:
    """
    Return the state of the working tree that contains *directory*, by default the current
    directory.

    Returns:
        None if the directory is not in a working tree.

    Raises:
        SettingsError: If the directory is in a working tree and git is not installed.
        PlatformFaultError: If git fails.
    """
    looked_at = (directory or Path()).resolve()
    tree = WorkingTree.find_containing(looked_at)
    if tree is None:
        return None
    # The import is slow, so it is made only if git is needed.

    standing = run_with_git(tree.state)
    return LocalFolder(root=tree.root, relative_path=tree.relative_path(looked_at), state=standing)
