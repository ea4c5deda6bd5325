"""Tests the progress of image pulls, which the engine reports for each layer."""

from typing import Any

from pushpaka_core.adapters.docker.image_puller import PullProgress

_MIB = 2**20


def _status(id: str, status: str, **progress_detail: int) -> dict[str, Any]:
    return {"id": id, "status": status, "progressDetail": progress_detail}


def test_progress_is_the_sum_of_all_layers() -> None:
    pull_progress = PullProgress()

    for status in (
        {"id": "trixie-slim", "status": "Pulling from library/debian"},
        _status("a", "Downloading", current=2 * _MIB, total=30 * _MIB),
        _status("b", "Downloading", current=1 * _MIB, total=10 * _MIB),
        _status("b", "Download complete"),
        _status("c", "Download complete"),
        _status("b", "Extracting", current=5, total=10),
    ):
        pull_progress.update(status)

    assert "12 of 40 MiB" == str(pull_progress)
