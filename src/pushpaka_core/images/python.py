"""Images for Python: uv installs into a virtual environment, which alone goes along."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from attrs import evolve
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import BuildPlan, Origin
from pushpaka_core.images.recipe import CACHE, Recipe, placed

VENV = "/opt/venv"
UV_VERSION = "0.9.5"

_RUN_ENV = {"PYTHONUNBUFFERED": "1"}
_LINES = ("3.13", "3.12", "3.14", "3.11", "3.10", "3.9")
"""The versions that are chosen from, the preferred one first."""
_EXACT = re.compile(r"\d+\.\d+(\.\d+)?")
_SYSTEM: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "psycopg2": (("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    "mysqlclient": (
        ("gcc", "libc6-dev", "libmariadb-dev", "pkg-config"),
        ("libmariadb3",),
    ),
    "uwsgi": (("gcc", "libc6-dev"), ()),
    "weasyprint": ((), ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")),
    "opencv-python": ((), ("libgl1", "libglib2.0-0t64")),
}
"""Packages that do not work without some of Debian's: to build, and to run."""
_LISTS = ("requirements.txt", "pyproject.toml", "Pipfile", "uv.lock", "poetry.lock", "pdm.lock")
_SYNC = "uv sync --frozen"
_OF_UV = frozenset({"pyproject.toml", "uv.lock"})
_LOCKS: Mapping[str, tuple[str, ...]] = {
    "poetry": ("pyproject.toml", "poetry.lock"),
    "pdm": ("pyproject.toml", "pdm.lock"),
    "pipenv": ("Pipfile", "Pipfile.lock"),
}
_REQUIREMENTS = re.compile(r"uv pip install -r (?P<path>[\w./-]+\.txt)")
_OF_FILES = re.compile(
    r"^[ \t]*(-[erc]|--editable|--requirement|--constraint|\.|file:)", re.MULTILINE
)
_LOCKED_FILES = re.compile(r'^type = "(directory|file)"|^path = |"(path|file)": ', re.MULTILINE)
"""How the lock files of Poetry, PDM and Pipenv name what lies in the repository."""


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan in Python is made."""
    base = f"python:{_version(plan.language_version)}-slim"
    if not plan.is_built:
        return Recipe(base=base, run_env=_RUN_ENV)
    found = Recipe(
        base=base,
        tools=(
            f"pip install --no-cache-dir --root-user-action=ignore uv=={UV_VERSION}",
            f"python -m venv {VENV}",
        ),
        env={
            "UV_CACHE_DIR": f"{CACHE}/uv",
            "UV_COMPILE_BYTECODE": "1",
            "UV_LINK_MODE": "copy",
            "UV_NO_PROGRESS": "1",
            "UV_PROJECT_ENVIRONMENT": VENV,
            "UV_PYTHON": f"{VENV}/bin/python",
            "UV_PYTHON_DOWNLOADS": "never",
        },
        run_env={**_RUN_ENV, "VIRTUAL_ENV": VENV},
        path=(f"{VENV}/bin",),
        kept=(VENV, "/app"),
    )
    return _with_manifests(_with_packages(found, plan, tree), plan, tree)


def _version(wanted: str | None) -> str:
    """Return the tag of the Python that is asked for."""
    text = (wanted or "").strip()
    if _EXACT.fullmatch(text):
        return text
    try:
        accepted = SpecifierSet(text)
    except InvalidSpecifier:
        return _LINES[0]
    fitting = (line for line in _LINES if accepted.contains(f"{line}.99"))
    return next(fitting, _LINES[0])


def _with_packages(recipe: Recipe, plan: BuildPlan, tree: FileTree) -> Recipe:
    own = PurePosixPath(plan.directory)
    # A member of a workspace is locked above itself, with what other members bring along.
    paths = (*(own / name for name in _LISTS), *(above / "uv.lock" for above in own.parents))
    texts = "\n".join(tree.read(str(path)) or "" for path in paths)
    needed = [both for name, both in _SYSTEM.items() if _lists(texts, name)]
    git = ("git",) if "git+" in texts else ()
    return evolve(
        recipe,
        packages=tuple(dict.fromkeys((*(p for build, _ in needed for p in build), *git))),
        run_packages=tuple(dict.fromkeys(p for _, run in needed for p in run)),
    )


def _lists(texts: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", texts, re.IGNORECASE) is not None


def _with_manifests(recipe: Recipe, plan: BuildPlan, tree: FileTree) -> Recipe:
    """Let what is installed be kept until its list changes, where the list says all of it."""
    if plan.install is None or plan.install.origin is not Origin.DETECTED:
        return recipe
    command, own = plan.install.command, below(tree, plan.directory)
    if command.startswith(_SYNC):
        manifests = tuple(path for path in tree.paths() if PurePosixPath(path).name in _OF_UV)
        return evolve(recipe, manifests=manifests, prefetch=f"{command} --no-install-local")
    if locks := _LOCKS.get(plan.package_manager or ""):
        if not all(own.exists(path) for path in locks) or _names_files(own, locks):
            return recipe
        prefetch = _without_the_project(command)
        return evolve(recipe, manifests=placed(plan, locks), prefetch=prefetch)
    listed = _REQUIREMENTS.fullmatch(command)
    if listed and not _OF_FILES.search(own.read(listed["path"]) or "."):
        return evolve(recipe, manifests=placed(plan, (listed["path"],)), prefetch=command)
    return recipe


def _names_files(tree: FileTree, locks: tuple[str, ...]) -> bool:
    return any(_LOCKED_FILES.search(tree.read(path) or "") for path in locks)


def _without_the_project(command: str) -> str:
    parts = command.split(" && ")
    return " && ".join(part for part in parts if not part.endswith("--editable ."))
