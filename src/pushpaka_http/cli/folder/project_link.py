"""Links between folders and projects, stored in a file that Git ignores."""

import json
from pathlib import Path
from uuid import UUID

from pushpaka_core.adapters.git.working_trees import WorkingTree
from pushpaka_core.host.state_files import atomic_write
from pushpaka_http.cli.ui.failures import ProjectLinkError

_DIRECTORY = ".pushpaka"
_FILE = "project.json"


def linked_project(folder: Path) -> UUID | None:
    """
    Return the id of the linked project of *folder*, or of its nearest linked parent in the same
    clone.

    Directories above the clone are ignored, because other users may have created a link there.

    Raises:
        ProjectLinkError: If the link file is damaged.
    """
    tree = WorkingTree.find_containing(folder)
    root = tree.root if tree else folder
    for each in (place for place in (folder, *folder.parents) if place.is_relative_to(root)):
        file = each / _DIRECTORY / _FILE
        try:
            return UUID(json.loads(file.read_text())["project_id"])
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except (ValueError, KeyError, TypeError):
            raise ProjectLinkError(
                f"{file} is damaged. Remove the file, then run: pushpaka init"
            ) from None
    return None


def link(folder: Path, project_id: UUID) -> None:
    """
    Link *folder* to a project, replacing an existing link.

    The folder may come from someone else and contain symbolic links, so nothing is written through
    symbolic links.

    Raises:
        ProjectLinkError: If the link cannot be written.
    """
    directory = folder / _DIRECTORY
    if directory.is_symlink():
        raise ProjectLinkError(f"{directory} is a symbolic link. Remove it, then try again.")
    document = json.dumps({"project_id": str(project_id)})
    try:
        directory.mkdir(exist_ok=True)
        for name, text in ((".gitignore", "*"), (_FILE, document)):
            with atomic_write(directory / name) as file:
                file.write(f"{text}\n".encode())
    except OSError as error:
        raise ProjectLinkError(
            f"{directory} cannot be written: {error.strerror}. Check the permissions of the folder."
        ) from None
