"""How much a container has written to the engine's disk, which bounds nobody there."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_LEAST = 4096
"""What a file counts at least: without bytes it takes its place too."""


def has_written_more(attrs: Mapping[str, Any], most: int) -> bool:
    """Tell whether a container's own layer and volumes hold more than *most* bytes; blocks."""
    total = 0
    for size in _sizes(attrs):
        total += size
        if total > most:
            return True
    return False


def _sizes(attrs: Mapping[str, Any]) -> Iterator[int]:
    layer = ((attrs.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir")
    volumes = [mount["Source"] for mount in attrs["Mounts"] if mount["Type"] == "volume"]
    for directory in filter(None, (layer, *volumes)):
        for place, _, names in os.walk(directory):
            for name in names:
                with suppress(OSError):
                    yield max(Path(place, name).lstat().st_blocks * 512, _LEAST)
