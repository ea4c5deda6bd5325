"""The version, the type markers and the contents of the package."""

import tomllib
from pathlib import Path

import pytest

import pushpaka_core
from pushpaka_core.container.worker import VERSION

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_version_matches_pyproject() -> None:
    assert PYPROJECT["project"]["version"] == VERSION


@pytest.mark.parametrize("name", pushpaka_core.__all__)
def test_public_names_can_be_imported(name: str) -> None:
    """The table for lazy imports has the right module for each public name."""
    assert hasattr(pushpaka_core, name)


def test_every_package_is_typed() -> None:
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert [] == [package for package in packages if not (ROOT / package / "py.typed").is_file()]


def test_build_contains_the_dashboard() -> None:
    """No path in the dashboard matches .gitignore, because builds skip ignored directories."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    files = (ROOT / "src/pushpaka_http/dashboard").rglob("*.*")

    packed = [path.relative_to(ROOT) for path in files if "__pycache__" not in path.parts]
    assert [] == [path for path in packed if ignored & set(path.parts)]
    assert any("vendor" in path.parts for path in packed)
