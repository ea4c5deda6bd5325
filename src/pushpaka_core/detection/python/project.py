"""Reads the dependencies of a Python project from the most precise file that declares them."""

from collections.abc import Callable

from attrs import evolve, frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.documents import repository_path
from pushpaka_core.detection.python.dependencies import PythonProject, Sources
from pushpaka_core.detection.python.locked_readers import (
    read_pdm_lock,
    read_pipenv_lock,
    read_poetry_lock,
    read_pylock,
    read_uv_lock,
    read_workspace_lock,
)
from pushpaka_core.detection.python.unlocked_readers import (
    read_pipfile,
    read_pyproject,
    read_requirements,
    read_setup_files,
    reject_conda,
)
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.domain.pipeline.build_plans import RejectedCandidate

_MAX_SHOWN = 3
REQUIREMENTS = "requirements.txt"


@frozen
class _DependencyReader:
    """A reader for one kind of dependency file."""

    read: Callable[[Sources, str], PythonProject | str]
    """
    A function that returns the project, the reason why the file cannot be used, or "" if the file
    declares no dependencies.
    """
    paths: tuple[str, ...]
    """The paths of the files. The first one that exists is read."""


_READERS = (
    _DependencyReader(read_uv_lock, ("uv.lock",)),
    _DependencyReader(read_poetry_lock, ("poetry.lock",)),
    _DependencyReader(read_pdm_lock, ("pdm.lock",)),
    _DependencyReader(read_pipenv_lock, ("Pipfile.lock",)),
    _DependencyReader(read_pylock, ("pylock.toml",)),
    _DependencyReader(
        read_requirements,
        (
            REQUIREMENTS,
            "requirements/production.txt",
            "requirements/prod.txt",
            "requirements/requirements.txt",
            "requirements/main.txt",
            "requirements/default.txt",
            "requirements/common.txt",
            "requirements/base.txt",
            "requirements-prod.txt",
            "requirements-production.txt",
            "requirements_prod.txt",
            "requirements.prod.txt",
            "requirements.in",
            "requirements/production.in",
            "requirements/base.in",
        ),
    ),
    _DependencyReader(read_pipfile, ("Pipfile",)),
    _DependencyReader(read_pyproject, (PYPROJECT,)),
    _DependencyReader(read_setup_files, ("setup.py", "setup.cfg")),
    _DependencyReader(reject_conda, ("environment.yml", "environment.yaml")),
)
"""The readers, starting with the most precise files."""

DEPENDENCY_FILES = tuple(path for way in _READERS for path in way.paths)
"""All files that may declare dependencies."""


def read_project(context: DetectionContext) -> PythonProject:
    """
    Return the dependencies from the most precise file that can be used.

    The other files are listed in `rejected`, unless the chosen one was generated from them.
    """
    sources = Sources.read(context)
    read: list[PythonProject] = []
    rejected: list[RejectedCandidate] = []
    if sources.workspace:
        lock = repository_path(sources.workspace.directory, "uv.lock")
        if sources.repository.exists(lock):
            read.append(read_workspace_lock(sources, sources.workspace))
    for way in _READERS:
        path = next((path for path in way.paths if sources.tree.exists(path)), None)
        result = way.read(sources, path) if path else None
        if isinstance(result, PythonProject):
            read.append(result)
        elif path and result:
            rejected.append(RejectedCandidate(framework=path, reason=result))
    if not read:
        return PythonProject(rejected=tuple(rejected))
    chosen, *others = read
    return evolve(chosen, rejected=(*rejected, *_unused_files(chosen, others)))


def _unused_files(
    chosen_project: PythonProject, other_projects: list[PythonProject]
) -> tuple[RejectedCandidate, ...]:
    """Return the unused files with other dependencies, as rejected candidates."""
    return tuple(
        RejectedCandidate(framework=other.path, reason=_rejection_reason(other, chosen_project))
        for other in other_projects
        if not _is_same_declaration(other, chosen_project)
    )


def _is_same_declaration(other_project: PythonProject, chosen_project: PythonProject) -> bool:
    """Return True if the chosen file was generated from *other_project*, or includes it."""
    if other_project.path in {"setup.py", "setup.cfg"}:
        return True
    if other_project.path == PYPROJECT:
        return bool(chosen_project.locked) or chosen_project.is_installed
    return f"{other_project.path}.lock" == chosen_project.path


def _rejection_reason(other: PythonProject, chosen: PythonProject) -> str:
    apart = sorted(
        name
        for name, version in other.locked.items()
        if version and chosen.locked.get(name) not in {None, "", version}
    )
    if not apart:
        is_more_exact = chosen.locked and not other.locked
        return f"{chosen.path} {'has locked versions' if is_more_exact else 'takes precedence'}"
    shown = ", ".join(
        f"{name} ({chosen.locked[name]} there, {other.locked[name]} here)"
        for name in apart[:_MAX_SHOWN]
    )
    more = " and others" if len(apart) > _MAX_SHOWN else ""
    return f"{chosen.path} takes precedence; the files differ in {shown}{more}"
