"""Reads projects with a lock file, whose pinned versions are installed exactly."""

from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.documents import read_toml, repository_path, table_at, tables
from pushpaka_core.detection.python.dependencies import PythonProject, Sources
from pushpaka_core.detection.python.lock_files import (
    LockedVersions,
    read_pdm_versions,
    read_pipenv_versions,
    read_poetry_versions,
    read_pylock_versions,
    read_uv_versions,
)
from pushpaka_core.detection.python.packaging_checks import is_package
from pushpaka_core.detection.python.requirements import Listings, parse_requirement_table
from pushpaka_core.detection.python.version_constraints import to_requirements
from pushpaka_core.detection.python.workspaces import PYPROJECT, Workspace
from pushpaka_core.domain.pipeline.build_plans import Evidence


@frozen
class _Tool:
    """A tool that can export its lock file as requirements, for uv to install."""

    name: str
    title: str
    export: str


_EXPORTED = "locked-requirements.txt"
_INSTALL = f"uv pip install -r {_EXPORTED}"
_INSTALL_PROJECT = "uv pip install --no-deps --editable ."
_POETRY = _Tool(
    "poetry",
    "Poetry",
    "uv tool run --quiet --from 'poetry>=2,<3' --with 'poetry-plugin-export>=1.9,<2'"
    f" poetry export --only main --output {_EXPORTED}",
)
_PDM = _Tool(
    "pdm",
    "PDM",
    f"uv tool run --quiet --from 'pdm[locked]>=2,<3' pdm export --prod --output {_EXPORTED}",
)
_PIPENV = (
    "PIPENV_VERBOSITY=-1 uv tool run --quiet --from 'pipenv>=2024,<2027' pipenv requirements --hash"
)
_DEFAULT_INDEX = "pypi"
"""
The name that Pipenv gives the default index. The index is left out, so that a configured mirror is
used.
"""


def read_uv_lock(sources: Sources, path: str) -> PythonProject | str:
    """
    Return the project that uv.lock in the application directory installs, or the reason why the
    file cannot be used.
    """
    is_root = bool(table_at(sources.document, "tool", "uv", "workspace"))
    if not sources.tree.exists(PYPROJECT):
        return _without_pyproject()
    if not (sources.has_project or is_root):
        return f"{PYPROJECT} has no [project] table, which uv requires"
    locked = read_uv_versions(sources.tree, path, sources.name, "")
    scope = "" if sources.has_project else " --all-packages"
    return _uv_project(sources, path, locked, scope, "there is a uv lock file")


def read_workspace_lock(sources: Sources, workspace: Workspace) -> PythonProject:
    """Return the project that the uv.lock of *workspace* installs."""
    path = repository_path(workspace.directory, "uv.lock")
    place = sources.directory.removeprefix(f"{workspace.directory}/")
    locked = read_uv_versions(sources.repository, path, sources.name, place)
    reason = "the project is a member of a uv workspace with this lock file"
    return _uv_project(sources, path, locked, "", reason)


def read_poetry_lock(sources: Sources, path: str) -> PythonProject | str:
    """Return the project that poetry.lock installs, or the reason why the file cannot be used."""
    if not (sources.poetry or sources.has_project):
        return _without_pyproject()
    standard, servers = sources.project_table_requirements()
    own, more = poetry_requirements(sources)
    listed = {**own, **standard}
    locked = read_poetry_versions(sources.tree, path, listed)
    return _exported_project(
        sources, path, _POETRY, listed, locked or dict.fromkeys(servers | more, "")
    )


def read_pdm_lock(sources: Sources, path: str) -> PythonProject | str:
    """Return the project that pdm.lock installs, or the reason why the file cannot be used."""
    if not sources.has_project:
        return _without_pyproject()
    listed, servers = sources.project_table_requirements()
    locked = read_pdm_versions(sources.tree, path) or dict.fromkeys(servers, "")
    return _exported_project(sources, path, _PDM, listed, locked)


def read_pipenv_lock(sources: Sources, path: str) -> PythonProject | str:
    """Return the Python project whose dependencies are in Pipfile.lock."""
    pipfile = read_toml(sources.tree, "Pipfile")
    listed, _ = pipfile_requirements(sources, pipfile)
    names = {source.get("name") for source in tables(pipfile.get("source"))}
    index = " --exclude-index" if names <= {_DEFAULT_INDEX} else ""
    return PythonProject(
        manager="pipenv",
        path=path,
        install=f"{_PIPENV}{index} > {_EXPORTED} && {_INSTALL}",
        listed=listed,
        installed_packages=frozenset(locked := read_pipenv_versions(sources.tree, path)),
        locked=locked,
        evidence=(_lock_evidence("Pipenv", path),),
    )


def read_pylock(sources: Sources, path: str) -> PythonProject | str:
    """Return the project that pylock.toml (PEP 751), the standard lock file, installs."""
    locked = read_pylock_versions(sources.tree, path)
    listed, _ = sources.project_table_requirements()
    return PythonProject(
        manager="pip",
        path=path,
        install=f"uv pip install --preview-features pylock -r {path}",
        listed=listed or {name: Evidence(reason=f"{name} is locked", path=path) for name in locked},
        installed_packages=frozenset(locked),
        locked=locked,
        evidence=(Evidence(reason="there is a standard lock file", path=path),),
    )


def poetry_requirements(sources: Sources) -> tuple[Listings, frozenset[str]]:
    """Return the dependencies in Poetry's table, and the servers that they install."""
    text = sources.tree.read(PYPROJECT) or ""
    return parse_requirement_table(
        to_requirements(table_at(sources.poetry, "dependencies")), PYPROJECT, text
    )


def pipfile_requirements(
    sources: Sources, pipfile: Mapping[str, object]
) -> tuple[Listings, frozenset[str]]:
    """Return the dependencies in a Pipfile, and the servers that they install."""
    text = sources.tree.read("Pipfile") or ""
    return parse_requirement_table(to_requirements(table_at(pipfile, "packages")), "Pipfile", text)


def _uv_project(
    sources: Sources, path: str, locked_versions: LockedVersions, scope: str, reason: str
) -> PythonProject:
    listed, servers = sources.project_table_requirements()
    is_package = table_at(sources.document, "tool", "uv").get("package")
    return PythonProject(
        manager="uv",
        path=path,
        install=f"uv sync --frozen --no-dev{scope}",
        listed=listed,
        installed_packages=frozenset(locked_versions) or servers,
        locked=locked_versions,
        is_installed=is_package is True
        or (is_package is None and "build-system" in sources.document),
        evidence=(Evidence(reason=reason, path=path),),
    )


def _exported_project(
    sources: Sources,
    path: str,
    tool: _Tool,
    direct_dependencies: Listings,
    locked_versions: LockedVersions,
) -> PythonProject:
    is_installed = is_package(sources)
    steps = (tool.export, _INSTALL, *((_INSTALL_PROJECT,) if is_installed else ()))
    return PythonProject(
        manager=tool.name,
        path=path,
        install=" && ".join(steps),
        listed=direct_dependencies,
        installed_packages=frozenset(locked_versions),
        locked=locked_versions,
        is_installed=is_installed,
        evidence=(_lock_evidence(tool.title, path),),
    )


def _lock_evidence(tool_title: str, path: str) -> Evidence:
    return Evidence(reason=f"there is a {tool_title} lock file", path=path)


def _without_pyproject() -> str:
    return f"there is no {PYPROJECT} next to it that describes the project"
