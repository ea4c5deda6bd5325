"""Whether a project can be built as a package, or is only a directory with code."""

from collections.abc import Mapping
from typing import Final

from pushpaka_core.detection.documents import table
from pushpaka_core.detection.python.dependencies import Sources

_SETUP_FILES: Final = ("setup.py", "setup.cfg")
_CHOICES: Final = (
    ("setuptools",),
    ("hatch", "build"),
    ("flit", "module"),
    ("pdm", "build"),
    ("maturin",),
    ("uv", "build-backend"),
    ("scikit-build",),
)
"""Tables of pyproject.toml that say what is in the package."""


def is_package(sources: Sources) -> bool:
    """Tell whether the project wants to be installed itself, and has what that takes."""
    if any(sources.tree.exists(path) for path in _SETUP_FILES):
        return True
    document = sources.document
    return (
        "build-system" in document
        and not _is_declined(document)
        and not _lacks_readme(sources)
        and _has_code(sources)
    )


def _is_declined(document: Mapping[str, object]) -> bool:
    return False in (
        table(document, "tool", "uv").get("package"),
        table(document, "tool", "poetry").get("package-mode"),
        table(document, "tool", "pdm").get("distribution"),
    )


def _lacks_readme(sources: Sources) -> bool:
    readme = table(sources.document, "project").get("readme") or sources.poetry.get("readme")
    return isinstance(readme, str) and not sources.tree.exists(readme)


def _has_code(sources: Sources) -> bool:
    """Look for the package by the rules of the usual build backends: it has the project's name."""
    tool = table(sources.document, "tool")
    if sources.poetry.get("packages") or any(table(tool, *keys) for keys in _CHOICES):
        return True
    name = (sources.name or "").replace("-", "_")
    places = (
        f"{root}{name}{ending}" for root in ("", "src/") for ending in ("/__init__.py", ".py")
    )
    return bool(name) and any(map(sources.tree.exists, places))
