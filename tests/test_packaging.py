"""What is said of the package in more than one place."""

import tomllib
from pathlib import Path

from pushpaka_core.engine import VERSION

ROOT = Path(__file__).parent.parent


def test_an_instance_tells_the_version_of_its_package() -> None:
    """What is shown at run time is what was released."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == VERSION
