"""File permissions: files of a project are accessible to its own user only."""

import os
import stat
from pathlib import Path

READ_AND_EXECUTE = stat.S_IROTH | stat.S_IXOTH


def is_accessible_to_others(path: Path) -> bool:
    """Return True if any user can reach *path*, and read and execute it."""
    real = path.resolve()
    return all(_has_mode_bits(parent, stat.S_IXOTH) for parent in real.parents) and _has_mode_bits(
        real, READ_AND_EXECUTE
    )


def is_traversable(directory: Path) -> bool:
    """Return True if any user can traverse *directory*."""
    real = directory.resolve()
    return all(_has_mode_bits(each, stat.S_IXOTH) for each in (real, *real.parents))


def make_traversable(directory: Path) -> Path:
    """Create *directory*, traversable but not listable for others, and return it."""
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    directory.chmod(0o711)
    return directory


def make_private(directory: Path, uid: int | None) -> Path:
    """Create *directory*, accessible to *uid* only, and return it. Its parent must exist."""
    directory.mkdir(mode=0o700, exist_ok=True)
    change_owner(directory, uid)
    return directory


def change_owner(path: Path, uid: int | None) -> None:
    """Make *uid* the owner of *path*, without following links. None keeps the owner."""
    if uid is not None:
        os.chown(path, uid, uid, follow_symlinks=False)


def change_owner_recursively(root: Path, uid: int | None) -> None:
    """
    Make *uid* the owner of everything in *root*, and close *root* to other users.

    The owner of *root* itself is changed last. Otherwise, running programs of *uid* could replace
    parts of the tree with links in the meantime.
    """
    root.chmod(0o700)
    if uid is None:
        return
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            change_owner(Path(directory, name), uid)
    change_owner(root, uid)


def _has_mode_bits(path: Path, bits: int) -> bool:
    try:
        return path.stat().st_mode & bits == bits
    except OSError:
        return False
