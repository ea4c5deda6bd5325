"""Which project a folder belongs to: a file in it, that Git passes over."""

import json
from pathlib import Path
from uuid import UUID

from pushpaka_core.adapters.files.drafts import written_whole
from pushpaka_http.cli.client.failures import ContextFileError
from pushpaka_http.cli.client.git_remotes import git_root

_DIRECTORY = ".pushpaka"
_FILE = "project.json"


def linked_project(folder: Path) -> UUID | None:
    """
    Return the id of the project that *folder* is linked to, itself or as part of a clone.

    What lies above the clone is passed over: others may have put it there.

    Raises:
        ContextFileError: If what is there is no link.
    """
    root = git_root(folder) or folder
    for each in (place for place in (folder, *folder.parents) if place.is_relative_to(root)):
        file = each / _DIRECTORY / _FILE
        try:
            return UUID(json.loads(file.read_text())["project_id"])
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except (ValueError, KeyError, TypeError):
            raise ContextFileError(
                f"{file} is damaged. Remove it, and run: pushpaka init"
            ) from None
    return None


def link(folder: Path, project_id: UUID) -> None:
    """
    Link *folder* to a project, in place of the one that it was linked to.

    Who made the folder may have put symbolic links there: nothing is written through them.

    Raises:
        ContextFileError: If it cannot be written there.
    """
    directory = folder / _DIRECTORY
    if directory.is_symlink():
        raise ContextFileError(f"{directory} is a symbolic link. Remove it, and try again.")
    document = json.dumps({"project_id": str(project_id)})
    try:
        directory.mkdir(exist_ok=True)
        for name, text in ((".gitignore", "*"), (_FILE, document)):
            with written_whole(directory / name) as file:
                file.write(f"{text}\n".encode())
    except OSError as error:
        raise ContextFileError(f"{directory} cannot be written: {error.strerror}.") from None
