"""Projects with a lock file: it is installed as it is, whatever tool has written it."""

from collections.abc import Mapping

from attrs import frozen

from pushpaka_core.detection.documents import read_toml, table, tables
from pushpaka_core.detection.python.buildable import is_package
from pushpaka_core.detection.python.constraints import requirements_of
from pushpaka_core.detection.python.dependencies import PythonProject, Sources
from pushpaka_core.detection.python.locks import (
    Locked,
    locked_by_pdm,
    locked_by_pipenv,
    locked_by_poetry,
    locked_by_pylock,
    locked_by_uv,
)
from pushpaka_core.detection.python.requirements import Listed, in_table
from pushpaka_core.detection.python.workspaces import PYPROJECT, Workspace, inner
from pushpaka_core.domain.build_plans import Evidence


@frozen
class _Tool:
    """A tool that can say what it has locked, for uv to install it from its cache."""

    name: str
    title: str
    export: str


_EXPORTED = "locked-requirements.txt"
_INSTALL = f"uv pip install -r {_EXPORTED}"
_ITSELF = "uv pip install --no-deps --editable ."
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
_USUAL_SOURCE = "pypi"
"""How Pipenv calls the index that is used anyway, which a host may have replaced by its own."""


def by_uv_lock(sources: Sources, path: str) -> PythonProject | str:
    """Take uv.lock, or that of the workspace around the application."""
    is_root = bool(table(sources.document, "tool", "uv", "workspace"))
    if not sources.tree.exists(PYPROJECT):
        return _without_pyproject()
    if not (sources.has_project or is_root):
        return f"{PYPROJECT} has no [project] table, without which uv cannot use it"
    locked = locked_by_uv(sources.tree, path, sources.name, "")
    scope = "" if sources.has_project else " --all-packages"
    return _by_uv(sources, path, locked, scope, "there is a lock file of uv")


def by_workspace(sources: Sources, workspace: Workspace) -> PythonProject:
    """Take the lock file of the workspace of which the application is a member."""
    path = inner(workspace.directory, "uv.lock")
    place = sources.directory.removeprefix(f"{workspace.directory}/")
    locked = locked_by_uv(sources.repository, path, sources.name, place)
    reason = "it is a member of a workspace of uv, whose lock file is in the repository"
    return _by_uv(sources, path, locked, "", reason)


def by_poetry_lock(sources: Sources, path: str) -> PythonProject | str:
    """Take poetry.lock."""
    if not (sources.poetry or sources.has_project):
        return _without_pyproject()
    standard, servers = sources.in_project_table()
    own, more = in_poetry_table(sources)
    listed = {**own, **standard}
    locked = locked_by_poetry(sources.tree, path, listed)
    return _exported(sources, path, _POETRY, listed, locked or dict.fromkeys(servers | more, ""))


def by_pdm_lock(sources: Sources, path: str) -> PythonProject | str:
    """Take pdm.lock."""
    if not sources.has_project:
        return _without_pyproject()
    listed, servers = sources.in_project_table()
    locked = locked_by_pdm(sources.tree, path) or dict.fromkeys(servers, "")
    return _exported(sources, path, _PDM, listed, locked)


def by_pipenv_lock(sources: Sources, path: str) -> PythonProject | str:
    """Take Pipfile.lock."""
    pipfile = read_toml(sources.tree, "Pipfile")
    listed, _ = in_pipfile(sources, pipfile)
    names = {source.get("name") for source in tables(pipfile.get("source"))}
    index = " --exclude-index" if names <= {_USUAL_SOURCE} else ""
    return PythonProject(
        manager="pipenv",
        path=path,
        install=f"{_PIPENV}{index} > {_EXPORTED} && {_INSTALL}",
        listed=listed,
        brought=frozenset(locked := locked_by_pipenv(sources.tree, path)),
        locked=locked,
        evidence=(_lock_of("Pipenv", path),),
    )


def by_pylock(sources: Sources, path: str) -> PythonProject | str:
    """Take a lock file as the standard describes it."""
    locked = locked_by_pylock(sources.tree, path)
    listed, _ = sources.in_project_table()
    return PythonProject(
        manager="pip",
        path=path,
        install=f"uv pip install --preview-features pylock -r {path}",
        listed=listed or {name: Evidence(reason=f"{name} is locked", path=path) for name in locked},
        brought=frozenset(locked),
        locked=locked,
        evidence=(Evidence(reason="there is a standard lock file", path=path),),
    )


def in_poetry_table(sources: Sources) -> tuple[Listed, frozenset[str]]:
    """Return what Poetry's own table lists, and the servers that come with it."""
    text = sources.tree.read(PYPROJECT) or ""
    return in_table(requirements_of(table(sources.poetry, "dependencies")), PYPROJECT, text)


def in_pipfile(sources: Sources, pipfile: Mapping[str, object]) -> tuple[Listed, frozenset[str]]:
    """Return what a Pipfile lists, and the servers that come with it."""
    text = sources.tree.read("Pipfile") or ""
    return in_table(requirements_of(table(pipfile, "packages")), "Pipfile", text)


def _by_uv(sources: Sources, path: str, locked: Locked, scope: str, reason: str) -> PythonProject:
    listed, servers = sources.in_project_table()
    wanted = table(sources.document, "tool", "uv").get("package")
    return PythonProject(
        manager="uv",
        path=path,
        install=f"uv sync --frozen --no-dev{scope}",
        listed=listed,
        brought=frozenset(locked) or servers,
        locked=locked,
        is_installed=wanted is True or (wanted is None and "build-system" in sources.document),
        evidence=(Evidence(reason=reason, path=path),),
    )


def _exported(
    sources: Sources, path: str, tool: _Tool, listed: Listed, locked: Locked
) -> PythonProject:
    is_installed = is_package(sources)
    steps = (tool.export, _INSTALL, *((_ITSELF,) if is_installed else ()))
    return PythonProject(
        manager=tool.name,
        path=path,
        install=" && ".join(steps),
        listed=listed,
        brought=frozenset(locked),
        locked=locked,
        is_installed=is_installed,
        evidence=(_lock_of(tool.title, path),),
    )


def _lock_of(title: str, path: str) -> Evidence:
    return Evidence(reason=f"there is a lock file of {title}", path=path)


def _without_pyproject() -> str:
    return f"there is no {PYPROJECT} beside it that says what the project is"
