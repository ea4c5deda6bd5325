"""How a Python project says what it depends on, and what installs that."""

from collections.abc import Callable

from attrs import evolve, frozen

from pushpaka_core.detection.python.dependencies import PythonProject, Sources
from pushpaka_core.detection.python.listed_ways import (
    by_conda,
    by_pipfile,
    by_pyproject,
    by_requirements,
    by_setup,
)
from pushpaka_core.detection.python.locked_ways import (
    by_pdm_lock,
    by_pipenv_lock,
    by_poetry_lock,
    by_pylock,
    by_uv_lock,
    by_workspace,
)
from pushpaka_core.detection.python.workspaces import PYPROJECT, inner
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import Rejected

_SHOWN = 3
REQUIREMENTS = "requirements.txt"


@frozen
class _Way:
    """One way in which projects say what they depend on."""

    read: Callable[[Sources, str], PythonProject | str]
    """It answers why not where the file cannot be used, or nothing where it is not about that."""
    paths: tuple[str, ...]
    """Of several the first is taken."""


_WAYS = (
    _Way(by_uv_lock, ("uv.lock",)),
    _Way(by_poetry_lock, ("poetry.lock",)),
    _Way(by_pdm_lock, ("pdm.lock",)),
    _Way(by_pipenv_lock, ("Pipfile.lock",)),
    _Way(by_pylock, ("pylock.toml",)),
    _Way(
        by_requirements,
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
    _Way(by_pipfile, ("Pipfile",)),
    _Way(by_pyproject, (PYPROJECT,)),
    _Way(by_setup, ("setup.py", "setup.cfg")),
    _Way(by_conda, ("environment.yml", "environment.yaml")),
)
"""The most exact first."""

FILES = tuple(path for way in _WAYS for path in way.paths)
"""All files that may say what a project depends on."""


def read_project(question: Question) -> PythonProject:
    """Return the project's dependencies by the most exact file that can be used."""
    sources = Sources.of(question)
    read: list[PythonProject] = []
    rejected: list[Rejected] = []
    if sources.workspace:
        lock = inner(sources.workspace.directory, "uv.lock")
        if sources.repository.exists(lock):
            read.append(by_workspace(sources, sources.workspace))
    for way in _WAYS:
        path = next((path for path in way.paths if sources.tree.exists(path)), None)
        answer = way.read(sources, path) if path else None
        if isinstance(answer, PythonProject):
            read.append(answer)
        elif path and answer:
            rejected.append(Rejected(framework=path, reason=answer))
    if not read:
        return PythonProject(rejected=tuple(rejected))
    chosen, *others = read
    return evolve(chosen, rejected=(*rejected, *_passed_over(chosen, others)))


def _passed_over(chosen: PythonProject, others: list[PythonProject]) -> tuple[Rejected, ...]:
    """Name the files that say something else about dependencies, and were not used."""
    return tuple(
        Rejected(framework=other.path, reason=_why_not(other, chosen))
        for other in others
        if not _belong_together(other, chosen)
    )


def _belong_together(other: PythonProject, chosen: PythonProject) -> bool:
    """Tell whether the other file is what the chosen one was made from, or what it asks for."""
    if other.path in {"setup.py", "setup.cfg"}:
        return True
    if other.path == PYPROJECT:
        return bool(chosen.locked) or chosen.is_installed
    return f"{other.path}.lock" == chosen.path


def _why_not(other: PythonProject, chosen: PythonProject) -> str:
    apart = sorted(
        name
        for name, version in other.locked.items()
        if version and chosen.locked.get(name) not in {None, "", version}
    )
    if not apart:
        is_more_exact = chosen.locked and not other.locked
        return f"{chosen.path} {'is more exact' if is_more_exact else 'comes first'}"
    shown = ", ".join(
        f"{name} ({chosen.locked[name]} there, {other.locked[name]} here)"
        for name in apart[:_SHOWN]
    )
    more = " and others" if len(apart) > _SHOWN else ""
    return f"{chosen.path} comes first; they disagree about {shown}{more}"
