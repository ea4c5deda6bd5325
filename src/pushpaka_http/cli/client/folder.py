"""The folder in which a command is given, as Git knows it."""

from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.git.working_trees import Standing, WorkingTree
from pushpaka_core.domain.repository_places import are_same_repository


@frozen(kw_only=True)
class LocalFolder:
    """A directory in a working tree of Git."""

    root: Path
    """Of the working tree."""
    inner: str
    """Where the directory lies in it; empty for the root itself."""
    standing: Standing

    def remotes_of(self, repo_url: str) -> list[str]:
        """Return the names of the remotes that are the repository at *repo_url*."""
        remotes = self.standing.remotes.items()
        return [name for name, address in remotes if are_same_repository(address, repo_url)]

    def is_of(self, repo_url: str) -> bool:
        """Tell whether it is a clone of the repository at *repo_url*, or that itself."""
        return repo_url == str(self.root) or bool(self.remotes_of(repo_url))

    def is_pushed(self, repo_url: str, branch: str) -> bool:
        """Tell whether *branch* of the repository at *repo_url* has the commit, as far as known."""
        if repo_url == str(self.root):
            return branch == self.standing.branch
        holders = self.standing.holders
        return any(f"{name}/{branch}" in holders for name in self.remotes_of(repo_url))


def read_folder(directory: Path | None = None) -> LocalFolder | None:
    """
    Return what Git knows of *directory*, the present one unless it is named.

    None where it is in no working tree.

    Raises:
        SettingsError: If it is in one, and git is not installed.
        PlatformFaultError: If git refuses.
    """
    looked_at = (directory or Path()).resolve()
    tree = WorkingTree.around(looked_at)
    if tree is None:
        return None
    # What starts programs is imported where there is something to ask git about.
    from pushpaka_http.cli.client.asking_git import ask_git

    standing = ask_git(tree.standing)
    return LocalFolder(root=tree.root, inner=tree.inner(looked_at), standing=standing)
