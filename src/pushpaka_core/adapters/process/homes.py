"""Where instances have their home and their temporary files."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.process.permissions import make_passable, make_private
from pushpaka_core.adapters.process.removal import remove_tree


@frozen
class Homes:
    """
    One directory for each instance, and beside it a file that bears the instance's name.

    The file is there before the directory and until after it: what somebody has prepared
    who was killed before the start is found by it. The directory cannot bear the name itself:
    programs make Unix sockets there, whose paths may have no more than 107 bytes.
    """

    _directory: Path

    def make(self, name: str, uid: int | None) -> Path:
        """Return the directory of an instance, in which `home` and `tmp` are *uid*'s alone."""
        private = self._private(name)
        private.parent.mkdir(parents=True, exist_ok=True)
        self._note(name).touch(mode=0o600)
        make_passable(private)
        for inner in ("home", "tmp"):
            make_private(private / inner, uid)
        return private

    def remove(self, name: str) -> None:
        """Remove what an instance had. Harmless to repeat."""
        remove_tree(self._private(name))
        self._note(name).unlink(missing_ok=True)

    def made(self) -> Mapping[str, datetime]:
        """Return the names of the instances that have one, and since when."""
        found: dict[str, datetime] = {}
        for file in self._directory.glob("*.*"):
            with suppress(FileNotFoundError):
                found[file.name] = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        return found

    def _private(self, name: str) -> Path:
        return self._directory / name.rpartition(".")[2]

    def _note(self, name: str) -> Path:
        return self._directory / name
