"""Mount paths: the paths at which an app finds the files of a volume."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from pushpaka_core.domain.validation import limited_to

_PATH = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_SYSTEM_TREES = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
)
"""Directories of the operating system. Nothing can be mounted on them or below them."""
_SYSTEM_DIRECTORIES = frozenset(
    {
        "/home",
        "/opt",
        "/root",
        "/tmp",  # noqa: S108 - not opened, only compared
        "/usr",
        "/usr/local",
        "/usr/share",
        "/usr/src",
        "/var",
        "/var/lib",
        "/var/log",
    }
)
"""Directories with the files of programs. Volumes can be mounted below them."""
_APP_DIRECTORY = "/app"
"""The directory of the app in the images that Pushpaka builds."""


@limited_to(255)
def check_mount_path(value: str) -> None:
    """
    Raise ValueError unless *value* is a relative or absolute path at which a volume can be mounted.

    System directories and the directory of the app itself cannot be mounted over.
    """
    parts = PurePosixPath(value).parts
    if not _PATH.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise ValueError(
            'must be a path such as "media" or "/data", with letters, digits and the characters '
            '"._-/"'
        )
    if parts[:2] == ("/", _APP_DIRECTORY.strip("/")):
        raise ValueError(
            'must be relative for a directory in the app: "media" instead of "/app/media"'
        )
    if value in _SYSTEM_DIRECTORIES or any(_is_within(value, tree) for tree in _SYSTEM_TREES):
        raise ValueError("must not be a directory of the operating system")


def find_overlap(path: str, others: Iterable[str]) -> str | None:
    """Return the first of *others* that is equal to *path*, within it, or contains it, or None."""
    return next((one for one in others if _is_within(path, one) or _is_within(one, path)), None)


def find_hidden(path: str, files: Iterable[str]) -> Sequence[str]:
    """Return those of *files* that a volume at *path* hides: those at *path* or below it."""
    prefix = f"{path}/"
    return [one for one in files if one == path or one.startswith(prefix)]


def _is_within(path: str, directory: str) -> bool:
    return PurePosixPath(path).is_relative_to(directory)


def find_problem(path: str, mounted: Mapping[str, str], *, in_container: bool) -> str | None:
    """
    Return why a volume cannot be mounted at *path*, as a clause such as "must be …", or None.

    Args:
        path: The mount path.
        mounted: The names of the other volumes of the target, by mount path.
        in_container: Whether instances run in containers.
    """
    if not in_container and path.startswith("/"):
        return (
            'must be a relative path such as "media" because this server runs apps without '
            "containers"
        )
    if (overlap := find_overlap(path, mounted)) is not None:
        return f'must not overlap "{overlap}", where the volume "{mounted[overlap]}" is mounted'
    return None
