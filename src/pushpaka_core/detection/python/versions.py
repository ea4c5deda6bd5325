"""Which Python a project asks for."""

import re

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pushpaka_core.detection.documents import line_of, read_toml, table
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import Evidence

_VERSION = re.compile(r"(?:c?python-?)?(?P<version>3(?:\.\d{1,2}){0,2})")


def wanted_python(tree: FileTree) -> tuple[str, Evidence] | None:
    """Return the requirement and where it stands: .python-version, requires-python, runtime.txt."""
    return (
        _first_line(tree, ".python-version")
        or _requires_python(tree)
        or _first_line(tree, "runtime.txt")
    )


def _first_line(tree: FileTree, path: str) -> tuple[str, Evidence] | None:
    for number, line in enumerate((tree.read(path) or "").splitlines(), 1):
        text = line.partition("#")[0].strip()
        if text:
            match = _VERSION.fullmatch(text)
            return (match["version"], _evidence(match["version"], path, number)) if match else None
    return None


def _requires_python(tree: FileTree) -> tuple[str, Evidence] | None:
    wanted = table(read_toml(tree, "pyproject.toml"), "project").get("requires-python")
    if not isinstance(wanted, str) or not _is_specifier(wanted):
        return None
    line = line_of(tree.read("pyproject.toml") or "", "requires-python")
    return wanted, _evidence(wanted, "pyproject.toml", line)


def _is_specifier(text: str) -> bool:
    try:
        return len(SpecifierSet(text)) > 0
    except InvalidSpecifier:
        return False


def _evidence(version: str, path: str, line: int | None) -> Evidence:
    return Evidence(reason=f"Python {version} is asked for", path=path, line=line)
