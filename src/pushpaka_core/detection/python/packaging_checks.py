"""Decides whether a project can be installed as a package or is only a directory of code."""

from collections.abc import Mapping
from typing import Final

from pushpaka_core.detection.documents import table_at
from pushpaka_core.detection.python.dependencies import Sources

_SETUP_FILES: Final = ("setup.py", "setup.cfg")
_PACKAGE_TABLES: Final = (
    ("setuptools",),
    ("hatch", "build"),
    ("flit", "module"),
    ("pdm", "build"),
    ("maturin",),
    ("uv", "build-backend"),
    ("scikit-build",),
)
"""Tables in pyproject.toml that declare the contents of the package."""


def is_package(sources: Sources) -> bool:
    """Return True if the project declares a package and has the files to build it."""
    if any(sources.tree.exists(path) for path in _SETUP_FILES):
        return True
    document = sources.document
    return (
        "build-system" in document
        and not _is_packaging_disabled(document)
        and not _lacks_readme(sources)
        and _has_code(sources)
    )


def _is_packaging_disabled(document: Mapping[str, object]) -> bool:
    return False in (
        table_at(document, "tool", "uv").get("package"),
        table_at(document, "tool", "poetry").get("package-mode"),
        table_at(document, "tool", "pdm").get("distribution"),
    )


def _lacks_readme(sources: Sources) -> bool:
    readme = table_at(sources.document, "project").get("readme") or sources.poetry.get("readme")
    return isinstance(readme, str) and not sources.tree.exists(readme)


def _has_code(sources: Sources) -> bool:
    """Return True if there is a package where common build backends expect it."""
    tool = table_at(sources.document, "tool")
    if sources.poetry.get("packages") or any(table_at(tool, *keys) for keys in _PACKAGE_TABLES):
        return True
    name = (sources.name or "").replace("-", "_")
    places = (
        f"{root}{name}{ending}" for root in ("", "src/") for ending in ("/__init__.py", ".py")
    )
    return bool(name) and any(map(sources.tree.exists, places))
