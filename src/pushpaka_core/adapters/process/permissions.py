"""Who may go where: what belongs to a project lies open to its own user id and to nobody else."""

import os
import stat
from pathlib import Path

READ_AND_EXECUTE = stat.S_IROTH | stat.S_IXOTH


def is_open_to_others(path: Path) -> bool:
    """Tell whether any user may go to *path*, and read and execute what is there."""
    real = path.resolve()
    return all(_permits(parent, stat.S_IXOTH) for parent in real.parents) and _permits(
        real, READ_AND_EXECUTE
    )


def is_passable(directory: Path) -> bool:
    """Tell whether any user may go through *directory*."""
    real = directory.resolve()
    return all(_permits(each, stat.S_IXOTH) for each in (real, *real.parents))


def make_passable(directory: Path) -> Path:
    """Make *directory* so that others may go through it, but not look around in it."""
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    directory.chmod(0o711)
    return directory


def make_private(directory: Path, uid: int | None) -> Path:
    """Make *directory* for *uid* alone."""
    directory.mkdir(mode=0o700, exist_ok=True)
    give(directory, uid)
    return directory


def give(path: Path, uid: int | None) -> None:
    """Make *uid* the owner of *path* itself, link or not; None leaves it as it is."""
    if uid is not None:
        os.chown(path, uid, uid, follow_symlinks=False)


def give_tree(root: Path, uid: int | None) -> None:
    """
    Make *uid* the owner of everything below *root*, and nobody else able to enter it.

    Of *root* itself last: other programs of *uid* may wait for it, and could lead
    us elsewhere by links if they had a part of the tree before we are through.
    """
    root.chmod(0o700)
    if uid is None:
        return
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            give(Path(directory, name), uid)
    give(root, uid)


def _permits(path: Path, bits: int) -> bool:
    try:
        return path.stat().st_mode & bits == bits
    except OSError:
        return False
