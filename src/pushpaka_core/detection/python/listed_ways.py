"""Projects without a lock file: what they list is installed in the newest versions that fit."""

import shlex

from pushpaka_core.detection.documents import read_toml, table
from pushpaka_core.detection.python.buildable import is_package
from pushpaka_core.detection.python.constraints import requirements_of
from pushpaka_core.detection.python.dependencies import PythonProject, Sources
from pushpaka_core.detection.python.locked_ways import in_pipfile, in_poetry_table
from pushpaka_core.detection.python.requirements import (
    asks_for_itself,
    in_requirements_file,
    not_understood,
)
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.domain.build_plans import Evidence


def by_requirements(sources: Sources, path: str) -> PythonProject | str:
    """Take a requirements file."""
    listed, servers = in_requirements_file(sources.tree, path)
    is_installed = asks_for_itself(sources.tree, path)
    if is_installed:
        own, more = sources.in_project_table()
        listed, servers = {**own, **listed}, servers | more
    odd = not_understood(sources.tree, path)
    return PythonProject(
        manager="pip",
        path=path,
        install=f"uv pip install -r {shlex.quote(path)}",
        listed=listed,
        brought=servers,
        is_installed=is_installed,
        evidence=(
            Evidence(reason="it says what to install", path=path),
            *((odd,) if odd else ()),
        ),
    )


def by_pipfile(sources: Sources, path: str) -> PythonProject | str:
    """Take a Pipfile that was never locked."""
    pipfile = read_toml(sources.tree, path)
    listed, servers = in_pipfile(sources, pipfile)
    return PythonProject(
        manager="pip",
        path=path,
        install=_install_all(tuple(requirements_of(table(pipfile, "packages")))),
        listed=listed,
        brought=servers,
        evidence=(Evidence(reason="it says what to install, without a lock", path=path),),
    )


def by_pyproject(sources: Sources, path: str) -> PythonProject | str:
    """Take pyproject.toml: the project itself where it is a package, else what it lists."""
    if not (sources.has_project or sources.poetry):
        return ""
    standard, servers = sources.in_project_table()
    own, more = in_poetry_table(sources)
    is_installed = is_package(sources)
    return PythonProject(
        manager="pip",
        path=path,
        install="uv pip install ." if is_installed else _install_listed(sources),
        listed={**own, **standard},
        brought=servers | more,
        is_installed=is_installed,
        evidence=(Evidence(reason="it says what to install, without a lock", path=path),),
    )


def by_conda(_: Sources, __: str) -> PythonProject | str:
    """Say that this is recognised, but that nothing here can install it."""
    return "it is made for Conda, which is not run here; a requirements.txt would do"


def by_setup(_: Sources, path: str) -> PythonProject | str:
    """Take setup.py or setup.cfg, without knowing what they list."""
    evidence = Evidence(reason="it says how to install the project", path=path)
    return PythonProject(
        manager="pip",
        path=path,
        install="uv pip install .",
        is_installed=True,
        evidence=(evidence,),
    )


def _install_listed(sources: Sources) -> str | None:
    if sources.has_project:
        return f"uv pip install -r {PYPROJECT}"
    return _install_all(tuple(requirements_of(table(sources.poetry, "dependencies"))))


def _install_all(requirements: tuple[str, ...]) -> str | None:
    return f"uv pip install {shlex.join(requirements)}" if requirements else None
