"""A database in a file of its own."""

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pushpaka.db"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"
