"""Ways in which a file can be damaged, for example by a power failure."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Damage: TypeAlias = Callable[[Path], None]


def empty(file: Path) -> None:
    file.write_bytes(b"")


def fill_with_nuls(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def halve(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def replace_with_directory(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()
    (file / "inner").touch()


def remove(file: Path) -> None:
    file.unlink(missing_ok=True)


def remove_permissions(file: Path) -> None:
    """Remove all permissions of *file*, so that only root can open it."""
    file.chmod(0)


def replace_directory_with_file(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_bytes(b"?")
