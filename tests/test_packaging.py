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


def test_a_build_leaves_out_nothing_of_the_dashboard() -> None:
    """It leaves out what Git ignores, as directories that are named like those of a build."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    files = (ROOT / "src/pushpaka_http/dashboard").rglob("*.*")

    packed = [path.relative_to(ROOT) for path in files if "__pycache__" not in path.parts]
    assert [] == [path for path in packed if ignored & set(path.parts)]
    assert any("vendor" in path.parts for path in packed)
