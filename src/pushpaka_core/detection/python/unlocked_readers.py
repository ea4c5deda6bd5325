"""Reads projects without a lock file. The newest matching versions are installed."""

import shlex

from pushpaka_core.detection.documents import read_toml, table_at
from pushpaka_core.detection.python.dependencies import PythonProject, Sources
from pushpaka_core.detection.python.locked_readers import pipfile_requirements, poetry_requirements
from pushpaka_core.detection.python.packaging_checks import is_package
from pushpaka_core.detection.python.requirements import (
    first_invalid_line,
    installs_project,
    read_requirements_file,
)
from pushpaka_core.detection.python.version_constraints import to_requirements
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.domain.pipeline.build_plans import Evidence


def read_requirements(sources: Sources, path: str) -> PythonProject | str:
    """Return the project that a requirements file installs."""
    listed, servers = read_requirements_file(sources.tree, path)
    is_installed = installs_project(sources.tree, path)
    if is_installed:
        own, more = sources.project_table_requirements()
        listed, servers = {**own, **listed}, servers | more
    odd = first_invalid_line(sources.tree, path)
    return PythonProject(
        manager="pip",
        path=path,
        install=f"uv pip install -r {shlex.quote(path)}",
        listed=listed,
        installed_packages=servers,
        is_installed=is_installed,
        evidence=(
            Evidence(reason="the file lists the dependencies", path=path),
            *((odd,) if odd else ()),
        ),
    )


def read_pipfile(sources: Sources, path: str) -> PythonProject | str:
    """Return the project that a Pipfile installs without a lock file."""
    pipfile = read_toml(sources.tree, path)
    listed, servers = pipfile_requirements(sources, pipfile)
    return PythonProject(
        manager="pip",
        path=path,
        install=_install_all(tuple(to_requirements(table_at(pipfile, "packages")))),
        listed=listed,
        installed_packages=servers,
        evidence=(
            Evidence(reason="the file lists the dependencies, without locked versions", path=path),
        ),
    )


def read_pyproject(sources: Sources, path: str) -> PythonProject | str:
    """
    Return the project that pyproject.toml installs, or "" if the file declares no project.

    If the project is not a package, only its dependencies are installed.
    """
    if not (sources.has_project or sources.poetry):
        return ""
    standard, servers = sources.project_table_requirements()
    own, more = poetry_requirements(sources)
    is_installed = is_package(sources)
    return PythonProject(
        manager="pip",
        path=path,
        install="uv pip install ." if is_installed else _install_listed(sources),
        listed={**own, **standard},
        installed_packages=servers | more,
        is_installed=is_installed,
        evidence=(
            Evidence(reason="the file lists the dependencies, without locked versions", path=path),
        ),
    )


def reject_conda(_: Sources, __: str) -> PythonProject | str:
    """Return why a Conda environment cannot be installed."""
    return "Conda environments are not supported; add a requirements.txt"


def read_setup_files(_: Sources, path: str) -> PythonProject | str:
    """
    Return the project that setup.py or setup.cfg installs. The dependencies in these files are not
    analyzed.
    """
    evidence = Evidence(reason="the file installs the project", path=path)
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
    return _install_all(tuple(to_requirements(table_at(sources.poetry, "dependencies"))))


def _install_all(requirements: tuple[str, ...]) -> str | None:
    return f"uv pip install {shlex.join(requirements)}" if requirements else None
