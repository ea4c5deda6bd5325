"""What is said of the package in more than one place."""

import tomllib
from pathlib import Path

from pushpaka_core.engine import VERSION

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_an_instance_tells_the_version_of_its_package() -> None:
    """What is shown at run time is what was released."""
    assert PYPROJECT["project"]["version"] == VERSION


def test_every_package_says_that_it_is_typed() -> None:
    """A type checker believes the annotations of a package only where it says so."""
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert [] == [package for package in packages if not (ROOT / package / "py.typed").is_file()]
