"""Opens files that untrusted programs have written, and prints their names."""

import os

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags to open a directory without following a symbolic link."""
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags to open a file without following a link or waiting for the writer of a pipe."""
_MAX_LENGTH = 100


def printable(path: str) -> str:
    """Return *path* for use in a message: shortened, with unprintable characters replaced."""
    return "".join(letter if letter.isprintable() else "?" for letter in path[:_MAX_LENGTH])
