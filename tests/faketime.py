"""A clock on the wall that is a program's own, and can be set while it runs; by libfaketime."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen


def lacks_faketime() -> str | None:
    """Return why no program can be given a clock of its own."""
    return None if _library() else "libfaketime is not installed (on Debian it is a package)"


@frozen
class Clock:
    """
    How far a program's clock on the wall is off.

    The clocks that only count on are left alone, as on a host whose time is set.
    """

    _file: Path

    def jump(self, hours: int) -> None:
        """Have it be so many hours ahead, or behind, within a second."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{hours:+d}h")
        written.rename(self._file)

    @property
    def env(self) -> Mapping[str, str]:
        """What a program has to be started with."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else no thread waits for another, and all of them spin.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }


def _library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
