"""Python images: uv installs into a virtual environment, which is copied to the run stage."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from attrs import evolve
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Origin
from pushpaka_core.images.recipe import CACHE, ImageRecipe, repository_paths

VENV = "/opt/venv"
UV_VERSION = "0.9.5"

_RUN_ENV = {"PYTHONUNBUFFERED": "1"}
_RELEASE_LINES = ("3.13", "3.12", "3.14", "3.11", "3.10", "3.9")
"""The supported release lines, in order of preference."""
_EXACT = re.compile(r"\d+\.\d+(\.\d+)?")
_SYSTEM_PACKAGES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "psycopg2": (("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    "mysqlclient": (
        ("gcc", "libc6-dev", "libmariadb-dev", "pkg-config"),
        ("libmariadb3",),
    ),
    "uwsgi": (("gcc", "libc6-dev"), ()),
    "weasyprint": ((), ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")),
    "opencv-python": ((), ("libgl1", "libglib2.0-0t64")),
}
"""The Debian packages that Python packages need, for the build stage and for the run stage."""
_DEPENDENCY_FILES = (
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
)
_SYNC = "uv sync --frozen"
_UV_FILES = frozenset({"pyproject.toml", "uv.lock"})
_LOCKS: Mapping[str, tuple[str, ...]] = {
    "poetry": ("pyproject.toml", "poetry.lock"),
    "pdm": ("pyproject.toml", "pdm.lock"),
    "pipenv": ("Pipfile", "Pipfile.lock"),
}
_REQUIREMENTS = re.compile(r"uv pip install -r (?P<path>[\w./-]+\.txt)")
_LOCAL_REQUIREMENT = re.compile(
    r"^[ \t]*(-[erc]|--editable|--requirement|--constraint|\.|file:)", re.MULTILINE
)
_LOCAL_LOCK_ENTRY = re.compile(r'^type = "(directory|file)"|^path = |"(path|file)": ', re.MULTILINE)
"""Matches references to files in the repository in the lock files of Poetry, PDM and Pipenv."""


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a Python plan."""
    base = f"python:{_version(plan.language_version)}-slim"
    if not plan.needs_build:
        return ImageRecipe(base=base, run_env=_RUN_ENV)
    found = ImageRecipe(
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
        path_directories=(f"{VENV}/bin",),
        kept_paths=(VENV, "/app"),
    )
    return _with_install_layer(_with_packages(found, plan, tree), plan, tree)


def _version(requested_version: str | None) -> str:
    """Return the image tag for the requested Python version."""
    text = (requested_version or "").strip()
    if _EXACT.fullmatch(text):
        return text
    try:
        accepted = SpecifierSet(text)
    except InvalidSpecifier:
        return _RELEASE_LINES[0]
    matches = (line for line in _RELEASE_LINES if accepted.contains(f"{line}.99"))
    return next(matches, _RELEASE_LINES[0])


def _with_packages(recipe: ImageRecipe, plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    own = PurePosixPath(plan.directory)
    # A workspace member is locked in a directory above it, together with the other members.
    paths = (
        *(own / name for name in _DEPENDENCY_FILES),
        *(above / "uv.lock" for above in own.parents),
    )
    texts = "\n".join(tree.read(str(path)) or "" for path in paths)
    needed = [both for name, both in _SYSTEM_PACKAGES.items() if _is_listed(texts, name)]
    git = ("git",) if "git+" in texts else ()
    return evolve(
        recipe,
        packages=tuple(dict.fromkeys((*(p for build, _ in needed for p in build), *git))),
        run_packages=tuple(dict.fromkeys(p for _, run in needed for p in run)),
    )


def _is_listed(texts: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", texts, re.IGNORECASE) is not None


def _with_install_layer(recipe: ImageRecipe, plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return *recipe* with a cached layer for dependencies, unless they refer to local files."""
    if plan.install is None or plan.install.origin is not Origin.DETECTED:
        return recipe
    command, own = plan.install.command, subtree(tree, plan.directory)
    if command.startswith(_SYNC):
        manifests = tuple(path for path in tree.paths() if PurePosixPath(path).name in _UV_FILES)
        return evolve(
            recipe, manifests=manifests, install_from_manifests=f"{command} --no-install-local"
        )
    if locks := _LOCKS.get(plan.package_manager or ""):
        if not all(own.exists(path) for path in locks) or _has_local_entries(own, locks):
            return recipe
        prefetch = _without_project_install(command)
        return evolve(
            recipe, manifests=repository_paths(plan, locks), install_from_manifests=prefetch
        )
    listed = _REQUIREMENTS.fullmatch(command)
    if listed and not _LOCAL_REQUIREMENT.search(own.read(listed["path"]) or "."):
        return evolve(
            recipe,
            manifests=repository_paths(plan, (listed["path"],)),
            install_from_manifests=command,
        )
    return recipe


def _has_local_entries(tree: FileTree, locks: tuple[str, ...]) -> bool:
    return any(_LOCAL_LOCK_ENTRY.search(tree.read(path) or "") for path in locks)


def _without_project_install(command: str) -> str:
    parts = command.split(" && ")
    return " && ".join(part for part in parts if not part.endswith("--editable ."))
