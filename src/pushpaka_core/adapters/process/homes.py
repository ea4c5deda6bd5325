"""Where instances have their home and their temporary files."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.process.faults import translated_faults
from pushpaka_core.adapters.process.permissions import make_passable, make_private
from pushpaka_core.adapters.process.removal import remove_tree


@frozen
class Homes:
    """
    One directory for each instance, and beside it a note: a file that bears the instance's name.

    The note is there before the directory and until after it, so that what somebody has made
    ready who was killed before the start is found.
    """

    _parent: Path

    def note(self, name: str) -> Path:
        """Note an instance, and return where its directory is to be made."""
        with translated_faults("The start"):
            self._parent.mkdir(parents=True, exist_ok=True)
            (self._parent / name).touch(mode=0o600)
        return self._parent / short(name)

    def noted(self) -> Mapping[str, datetime]:
        """Return the names of the instances that are noted, and since when."""
        found: dict[str, datetime] = {}
        for note in self._parent.glob("*.*"):
            with suppress(FileNotFoundError):
                found[note.name] = datetime.fromtimestamp(note.stat().st_mtime, UTC)
        return found

    def remove(self, name: str) -> None:
        """Remove what an instance had. Harmless to repeat."""
        remove_tree(self._parent / short(name))
        (self._parent / name).unlink(missing_ok=True)


def short(name: str) -> str:
    """
    Return what the directory of an instance of that name is called.

    Programs make Unix sockets there, whose paths may have no more than 107 bytes.
    """
    return name.rpartition(".")[2]


def furnish(directory: Path, uid: int | None) -> None:
    """Make *directory* with `home` and `tmp`, which are *uid*'s alone."""
    make_passable(directory)
    for inner in ("home", "tmp"):
        make_private(directory / inner, uid)
