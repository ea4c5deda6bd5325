"""Finds the Python version that a project requires."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import line_of, read_toml, repository_path, table_at
from pushpaka_core.detection.python.version_constraints import to_specifier
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.version_files import (
    VersionEntry,
    VersionSource,
    first_line_source,
    mise_source,
    tool_versions_source,
)
from pushpaka_core.domain.pipeline.build_plans import Evidence

_VERSION = re.compile(r"(?:c?python[-@]?)?(?P<version>3(?:\.\d{1,2}){0,2})(?:-(?:linux|macos).*)?")
_SETUP_CFG = re.compile(r"^python_requires\s*=\s*(?P<wanted>.+)$", re.MULTILINE)

_MAX_LENGTH = 200

_Found = tuple[str, Evidence]
_Reader = Callable[[FileTree], _Found | None]


def requested_python(context: DetectionContext) -> _Found | None:
    """
    Return the required Python version, and the line that requires it as evidence, or None.

    Files that name a version take precedence over the range that a package declares. As in pyenv
    and mise, files in parent directories count too.
    """
    own = PurePosixPath(context.directory)
    named = (
        found
        for directory in (own, *own.parents)
        for source in _PINNING_READERS
        if (entry := source(context.repository, str(directory)))
        and (found := _exact_version(entry.text, entry.path, entry.line))
    )
    declared = (found for read in _RANGE_READERS if (found := read(context.tree)) is not None)
    return next(named, None) or next(declared, None)


def _pipfile_version(repository: FileTree, directory: str) -> VersionEntry | None:
    path = repository_path(directory, "Pipfile")
    requires = table_at(read_toml(repository, path), "requires")
    version = requires.get("python_full_version") or requires.get("python_version")
    line = line_of(repository.read(path) or "", "python_")
    return VersionEntry(text=version, path=path, line=line) if isinstance(version, str) else None


def _pyproject_version(tree: FileTree) -> _Found | None:
    version_range = table_at(read_toml(tree, PYPROJECT), "project").get("requires-python")
    return _range_version(tree, PYPROJECT, version_range, "requires-python")


def _poetry_version(tree: FileTree) -> _Found | None:
    version_range = table_at(read_toml(tree, PYPROJECT), "tool", "poetry", "dependencies").get(
        "python"
    )
    if not isinstance(version_range, str):
        return None
    line = line_of(tree.read(PYPROJECT) or "", version_range)
    return _exact_version(version_range, PYPROJECT, line) or _range_version(
        tree, PYPROJECT, to_specifier(version_range), version_range
    )


def _setup_cfg_version(tree: FileTree) -> _Found | None:
    match = _SETUP_CFG.search(tree.read("setup.cfg") or "")
    version_range = match["wanted"].strip() if match else None
    return _range_version(tree, "setup.cfg", version_range, "python_requires")


_PINNING_READERS: tuple[VersionSource, ...] = (
    first_line_source(".python-version"),
    first_line_source("runtime.txt"),
    tool_versions_source("python"),
    mise_source("python"),
    _pipfile_version,
)
_RANGE_READERS: tuple[_Reader, ...] = (_pyproject_version, _poetry_version, _setup_cfg_version)


def _exact_version(text: str, path: str, line: int | None) -> _Found | None:
    match = _VERSION.fullmatch(text)
    return (match["version"], _evidence(match["version"], path, line)) if match else None


def _range_version(
    tree: FileTree, path: str, version_range: object, line_text: str
) -> _Found | None:
    if not isinstance(version_range, str) or not _is_specifier(version_range):
        return None
    return version_range, _evidence(version_range, path, line_of(tree.read(path) or "", line_text))


def _is_specifier(text: str) -> bool:
    try:
        return len(text) <= _MAX_LENGTH and len(SpecifierSet(text)) > 0
    except InvalidSpecifier:
        return False


def _evidence(version: str, path: str, line: int | None) -> Evidence:
    return Evidence(reason=f"Python {version} is requested", path=path, line=line)
