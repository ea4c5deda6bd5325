"""How far the fetching of an image is, by what the engine says of its layers."""

from typing import Any

from pushpaka_core.adapters.docker.pulls import Fetched

_MIB = 2**20


def _status(id: str, status: str, **detail: int) -> dict[str, Any]:
    return {"id": id, "status": status, "progressDetail": detail}


def test_layers_are_counted_together() -> None:
    """Those that are being fetched and those that are here; others are nobody's bytes."""
    fetched = Fetched()

    for status in (
        {"id": "trixie-slim", "status": "Pulling from library/debian"},
        _status("a", "Downloading", current=2 * _MIB, total=30 * _MIB),
        _status("b", "Downloading", current=1 * _MIB, total=10 * _MIB),
        _status("b", "Download complete"),
        _status("c", "Download complete"),
        _status("b", "Extracting", current=5, total=10),
    ):
        fetched.take(status)

    assert "12 of 40 MiB" == str(fetched)
