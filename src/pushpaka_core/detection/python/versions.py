"""Which Python a project asks for."""

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pushpaka_core.detection.documents import line_of, read_toml, strings, table
from pushpaka_core.detection.python.constraints import specifier_of
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import Evidence

_VERSION = re.compile(r"(?:c?python[-@]?)?(?P<version>3(?:\.\d{1,2}){0,2})(?:-(?:linux|macos).*)?")
_TOOL_VERSION = re.compile(r"python\s+(?P<version>\S+).*")
_MISE_FILES = ("mise.toml", ".mise.toml", ".config/mise.toml", "mise/config.toml")
_SETUP_CFG = re.compile(r"^python_requires\s*=\s*(?P<wanted>.+)$", re.MULTILINE)

_LONGEST = 200

_Found = tuple[str, Evidence]
_Reader = Callable[[FileTree], _Found | None]


def wanted_python(question: Question) -> _Found | None:
    """
    Return the requirement and where it stands.

    A file that is made to name a version beats the range that a package declares;
    it also counts for the directories below, as its tools see it.
    """
    named = (
        found
        for tree in _upwards(question)
        for read in _NAMING
        if (found := read(tree)) is not None
    )
    declared = (found for read in _DECLARING if (found := read(question.tree)) is not None)
    return next(named, None) or next(declared, None)


def _upwards(question: Question) -> Iterator[FileTree]:
    yield question.tree
    directory = PurePosixPath(question.directory)
    if directory.parts:
        yield from (below(question.repository, str(parent)) for parent in directory.parents)


def _python_version(tree: FileTree) -> _Found | None:
    return _first_line(tree, ".python-version")


def _runtime_txt(tree: FileTree) -> _Found | None:
    return _first_line(tree, "runtime.txt")


def _first_line(tree: FileTree, path: str) -> _Found | None:
    for number, line in enumerate((tree.read(path) or "").splitlines(), 1):
        text = line.partition("#")[0].strip()
        if text:
            return _exact(text, path, number)
    return None


def _tool_versions(tree: FileTree) -> _Found | None:
    for number, line in enumerate((tree.read(".tool-versions") or "").splitlines(), 1):
        if match := _TOOL_VERSION.fullmatch(line.partition("#")[0].strip()):
            return _exact(match["version"], ".tool-versions", number)
    return None


def _mise(tree: FileTree) -> _Found | None:
    path = next((path for path in _MISE_FILES if tree.exists(path)), None)
    if path is None:
        return None
    tool = table(read_toml(tree, path), "tools").get("python")
    wanted = next(iter(strings(tool)), None) or table(tool).get("version") or tool
    line = line_of(tree.read(path) or "", "python")
    return _exact(wanted, path, line) if isinstance(wanted, str) else None


def _pipfile(tree: FileTree) -> _Found | None:
    requires = table(read_toml(tree, "Pipfile"), "requires")
    wanted = requires.get("python_full_version") or requires.get("python_version")
    line = line_of(tree.read("Pipfile") or "", "python_")
    return _exact(wanted, "Pipfile", line) if isinstance(wanted, str) else None


def _requires_python(tree: FileTree) -> _Found | None:
    wanted = table(read_toml(tree, PYPROJECT), "project").get("requires-python")
    return _range(tree, PYPROJECT, wanted, "requires-python")


def _poetry(tree: FileTree) -> _Found | None:
    wanted = table(read_toml(tree, PYPROJECT), "tool", "poetry", "dependencies").get("python")
    if not isinstance(wanted, str):
        return None
    line = line_of(tree.read(PYPROJECT) or "", wanted)
    return _exact(wanted, PYPROJECT, line) or _range(tree, PYPROJECT, specifier_of(wanted), wanted)


def _setup_cfg(tree: FileTree) -> _Found | None:
    match = _SETUP_CFG.search(tree.read("setup.cfg") or "")
    wanted = match["wanted"].strip() if match else None
    return _range(tree, "setup.cfg", wanted, "python_requires")


_NAMING: tuple[_Reader, ...] = (_python_version, _runtime_txt, _tool_versions, _mise, _pipfile)
_DECLARING: tuple[_Reader, ...] = (_requires_python, _poetry, _setup_cfg)


def _exact(text: str, path: str, line: int | None) -> _Found | None:
    match = _VERSION.fullmatch(text)
    return (match["version"], _evidence(match["version"], path, line)) if match else None


def _range(tree: FileTree, path: str, wanted: object, needle: str) -> _Found | None:
    if not isinstance(wanted, str) or not _is_specifier(wanted):
        return None
    return wanted, _evidence(wanted, path, line_of(tree.read(path) or "", needle))


def _is_specifier(text: str) -> bool:
    try:
        return len(text) <= _LONGEST and len(SpecifierSet(text)) > 0
    except InvalidSpecifier:
        return False


def _evidence(version: str, path: str, line: int | None) -> Evidence:
    return Evidence(reason=f"Python {version} is asked for", path=path, line=line)
