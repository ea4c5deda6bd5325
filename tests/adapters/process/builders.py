"""Builders as a host has them, but for what a test is about."""

from pathlib import Path
from typing import Any

from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.adapters.process.processes import HostProcesses


def builder_in(
    data: Path, processes: HostProcesses, first_uid: int | None, **others: Any
) -> ProcessBuilder:
    """Return one that keeps everything in *data*; where there is a *first_uid*, users follow it."""
    places = {f"{name}_directory": data / name for name in ("releases", "tools", "cache")}
    return ProcessBuilder(
        processes=processes,
        uid_of=lambda number: first_uid and first_uid + number,
        **{**places, **others},
    )
