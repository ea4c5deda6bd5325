"""How a Python project says what it depends on, and what installs that."""

from collections.abc import Mapping

from attrs import evolve, field, frozen
from packaging.utils import canonicalize_name

from pushpaka_core.detection.documents import read_toml, strings, table
from pushpaka_core.detection.python.locks import brought_by_uv_lock
from pushpaka_core.detection.python.requirements import Listed, in_requirements_file, in_strings
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import Evidence, Rejected
from pushpaka_core.errors import DetectionError

PYPROJECT = "pyproject.toml"
REQUIREMENTS = "requirements.txt"
UV_LOCK = "uv.lock"
FOREIGN_FILES: Mapping[str, str] = {
    "poetry.lock": "Poetry",
    "pdm.lock": "PDM",
    "Pipfile.lock": "Pipenv",
    "Pipfile": "Pipenv",
}
"""Files of tools that are recognised, but not run yet."""
SETUP_FILES = ("setup.py", "setup.cfg")


@frozen(kw_only=True)
class PythonProject:
    """What is installed, and by what."""

    manager: str | None = None
    """None where nothing says what to install."""
    install: str | None = None
    listed: Listed = field(factory=dict)
    """Direct dependencies."""
    brought: frozenset[str] = frozenset()
    """Everything that is known to be there after the installation."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def read_project(question: Question) -> PythonProject:
    """
    Return the project's dependencies by the most exact file that can be used.

    Raises:
        DetectionError: If there is only a file of a tool that is not run here yet,
            and the project does not say how to install.
    """
    tree = question.tree
    document = read_toml(tree, PYPROJECT)
    chosen = (
        _by_uv_lock(tree, document)
        or _by_requirements(tree)
        or _by_pyproject(tree, document)
        or _by_setup(tree)
        or PythonProject()
    )
    _refuse_foreign(question, chosen, document)
    return evolve(chosen, rejected=(*chosen.rejected, *_passed_over(tree, chosen)))


def _by_uv_lock(tree: FileTree, document: Mapping[str, object]) -> PythonProject | None:
    if not (tree.exists(UV_LOCK) and tree.exists(PYPROJECT)):
        return None
    listed, servers = _in_pyproject(tree, document)
    name = table(document, "project").get("name")
    locked = brought_by_uv_lock(tree, canonicalize_name(name) if isinstance(name, str) else None)
    return PythonProject(
        manager="uv",
        install="uv sync --frozen --no-dev",
        listed=listed,
        brought=locked or servers,
        evidence=(Evidence(reason="there is a lock file of uv", path=UV_LOCK),),
    )


def _by_requirements(tree: FileTree) -> PythonProject | None:
    if not tree.exists(REQUIREMENTS):
        return None
    listed, servers = in_requirements_file(tree, REQUIREMENTS)
    return PythonProject(
        manager="pip",
        install=f"uv pip install -r {REQUIREMENTS}",
        listed=listed,
        brought=servers,
        evidence=(Evidence(reason="it says what to install", path=REQUIREMENTS),),
    )


def _by_pyproject(tree: FileTree, document: Mapping[str, object]) -> PythonProject | None:
    """Install from pyproject.toml: the project itself where it can be built, else what it lists."""
    if not table(document, "project"):
        return None
    listed, servers = _in_pyproject(tree, document)
    is_package = table(document, "tool", "uv").get("package") is not False
    is_built = "build-system" in document and is_package
    return PythonProject(
        manager="pip",
        install="uv pip install ." if is_built else f"uv pip install -r {PYPROJECT}",
        listed=listed,
        brought=servers,
        evidence=(Evidence(reason="it says what to install, without a lock", path=PYPROJECT),),
    )


def _by_setup(tree: FileTree) -> PythonProject | None:
    path = next((path for path in SETUP_FILES if tree.exists(path)), None)
    if path is None:
        return None
    evidence = Evidence(reason="it says how to install the project", path=path)
    return PythonProject(manager="pip", install="uv pip install .", evidence=(evidence,))


def _in_pyproject(tree: FileTree, document: Mapping[str, object]) -> tuple[Listed, frozenset[str]]:
    requirements = strings(table(document, "project").get("dependencies"))
    return in_strings(requirements, PYPROJECT, tree.read(PYPROJECT) or "")


def _refuse_foreign(
    question: Question, chosen: PythonProject, document: Mapping[str, object]
) -> None:
    if chosen.manager or question.has_install:
        return
    found = next((path for path in FOREIGN_FILES if question.tree.exists(path)), None)
    tool = FOREIGN_FILES[found] if found else "Poetry"
    if found or table(document, "tool", "poetry"):
        raise DetectionError(
            f"{found or PYPROJECT} is made for {tool}, which is not run here yet. Supported are"
            f" {UV_LOCK}, {REQUIREMENTS} and a [project] table in {PYPROJECT}. Add one of them, or"
            " set the project's install_command and start_command."
        )


def _passed_over(tree: FileTree, chosen: PythonProject) -> tuple[Rejected, ...]:
    """Name the files that say something about dependencies and were not used."""
    used = {evidence.path for evidence in chosen.evidence}
    unused = (path for path in (UV_LOCK, REQUIREMENTS, *FOREIGN_FILES) if path not in used)
    return tuple(
        Rejected(framework=path, reason=_why_unused(path, chosen))
        for path in unused
        if tree.exists(path)
    )


def _why_unused(path: str, chosen: PythonProject) -> str:
    if path in FOREIGN_FILES:
        tool = FOREIGN_FILES[path]
        return f"it is made for {tool}, which is not run here yet; its versions are not used"
    if path == UV_LOCK:
        return f"there is no {PYPROJECT} beside it"
    return f"{chosen.evidence[0].path} is more exact"
