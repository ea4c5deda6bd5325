"""A wall clock for one program that can be changed while it runs, based on libfaketime."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen


def faketime_unavailable_reason() -> str | None:
    """Return why libfaketime is not available, or None."""
    return None if _library() else "libfaketime is not installed (on Debian it is a package)"


@frozen
class FakeClock:
    """
    The offset of a program's wall clock, which a test can change while the program runs.

    Monotonic clocks are unaffected, as when the time of a host is set.
    """

    _file: Path

    def jump(self, hours: int) -> None:
        """Set the offset to *hours*, which may be negative. The program sees it within a second."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{hours:+d}h")
        written.rename(self._file)

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables to start the program with."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Otherwise condition variables do not wait, and all threads spin.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }


def _library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
