"""Which file decides what a Python project depends on, and what installs it."""

from collections.abc import Mapping

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected
from pushpaka_core.errors import DetectionError

APP = "from fastapi import FastAPI\napp = FastAPI()\n"
EXPORTED = "locked-requirements.txt"
PROJECT = '[project]\nname = "shop"\ndependencies = ["fastapi"]\n'
POETRY = """\
[tool.poetry]
name = "shop"
[tool.poetry.dependencies]
python = "^3.9"
FastAPI = "^0.115"
"""
POETRY_LOCK = """
[[package]]
name = "fastapi"
version = "0.115.0"
groups = ["main"]
[[package]]
name = "uvicorn"
version = "0.30.0"
groups = ["main", "dev"]
[[package]]
name = "hypercorn"
version = "0.17.0"
groups = ["dev"]
"""
OLD_POETRY_LOCK = """
[[package]]
name = "fastapi"
version = "0.110.0"
[package.dependencies]
hypercorn = ">=0.1"
uvicorn = {version = "*", optional = true}
[[package]]
name = "hypercorn"
version = "0.17.0"
[[package]]
name = "uvicorn"
version = "0.30.0"
"""
PDM_LOCK = POETRY_LOCK.replace('"main"', '"default"')
PIPFILE = """
[[source]]
name = "pypi"
[packages]
fastapi = "*"
[dev-packages]
uvicorn = "*"
"""
PIPFILE_LOCK = '{"default": {"fastapi": {"version": "==0.115.0"}, "hypercorn": {}}, "develop": {}}'
PYLOCK = """
[[packages]]
name = "fastapi"
version = "0.115.0"
[[packages]]
name = "uvicorn"
marker = "'dev' in dependency_groups"
"""
UV_LOCK = """
version = 1
[[package]]
name = "shop"
source = { virtual = "." }
dependencies = [{ name = "fastapi" }]
[[package]]
name = "fastapi"
version = "0.116.0"
"""


def plan_of(files: Mapping[str, str]) -> BuildPlan:
    return detect(MemoryTree({"main.py": APP, **files}), Wishes())


def install_of(files: Mapping[str, str]) -> str:
    install = plan_of(files).install
    return install.command if install else ""


@pytest.mark.parametrize(
    ("files", "manager", "server"),
    [
        ({"pyproject.toml": POETRY, "poetry.lock": POETRY_LOCK}, "poetry", "uvicorn"),
        ({"pyproject.toml": POETRY, "poetry.lock": OLD_POETRY_LOCK}, "poetry", "hypercorn"),
        ({"pyproject.toml": PROJECT, "poetry.lock": POETRY_LOCK}, "poetry", "uvicorn"),
        ({"pyproject.toml": PROJECT, "pdm.lock": PDM_LOCK}, "pdm", "uvicorn"),
        ({"Pipfile": PIPFILE, "Pipfile.lock": PIPFILE_LOCK}, "pipenv", "hypercorn"),
    ],
)
def test_locked_packages_are_exported_by_their_tool_and_installed_by_uv(
    files: Mapping[str, str], manager: str, server: str
) -> None:
    """The tool says what it has locked for production, and its server needs no adding."""
    plan = plan_of(files)

    assert manager == plan.package_manager
    assert f"'{manager}" in install_of(files) or f"{manager}[" in install_of(files)
    assert install_of(files).endswith(f"{EXPORTED} && uv pip install -r {EXPORTED}")
    assert plan.processes["web"].command.startswith(server)
    assert () == plan.added_packages


def test_standard_lock_file_is_installed_as_it_is() -> None:
    """What belongs to groups of development does not count as brought."""
    plan = plan_of({"pylock.toml": PYLOCK})

    assert "uv pip install --preview-features pylock -r pylock.toml" == install_of(
        {"pylock.toml": PYLOCK}
    )
    assert ("uvicorn[standard]",) == plan.added_packages


@pytest.mark.parametrize(
    ("more", "files", "is_installed"),
    [
        ("", {"shop/__init__.py": ""}, False),
        ("[build-system]\n", {}, False),
        ("[build-system]\n", {"shop/__init__.py": ""}, True),
        ("[build-system]\n", {"src/shop/__init__.py": ""}, True),
        ("[build-system]\n[tool.poetry]\npackage-mode = false\n", {"shop/__init__.py": ""}, False),
        ('[build-system]\n[tool.poetry]\nreadme = "README.md"\n', {"shop.py": ""}, False),
        ('[build-system]\n[tool.poetry]\npackages = [{include = "x"}]\n', {}, True),
    ],
)
def test_project_itself_is_installed_where_it_is_a_package(
    more: str, files: Mapping[str, str], is_installed: bool
) -> None:
    """Without a build system, its code or its readme nothing could be built."""
    tree = {"pyproject.toml": PROJECT + more, "poetry.lock": POETRY_LOCK, **files}

    ending = "uv pip install --no-deps --editable ."

    assert is_installed == install_of(tree).endswith(ending)


@pytest.mark.parametrize(
    ("files", "install"),
    [
        (
            {"pyproject.toml": POETRY + 'web = {version = "~1.2", extras = ["all"]}\n'},
            "uv pip install 'FastAPI>=0.115,<0.116' 'web[all]>=1.2,<1.3'",
        ),
        ({"Pipfile": PIPFILE}, "uv pip install fastapi"),
        ({"requirements.in": "fastapi"}, "uv pip install -r requirements.in"),
        (
            {"requirements/base.txt": "fastapi", "requirements/production.txt": "-r base.txt"},
            "uv pip install -r requirements/production.txt",
        ),
    ],
)
def test_project_without_a_lock_is_installed_by_what_it_lists(
    files: Mapping[str, str], install: str
) -> None:
    """Constraints of other tools are said in the words of the standard."""
    assert install == install_of(files)
    assert any("fastapi is listed" == one.reason for one in plan_of(files).evidence)


def test_place_of_a_listed_package_is_named() -> None:
    """In a table a package stands as a key."""
    plan = plan_of({"pyproject.toml": POETRY, "poetry.lock": POETRY_LOCK})

    assert Evidence(reason="fastapi is listed", path="pyproject.toml", line=5) in plan.evidence


def test_requirements_that_ask_for_the_project_list_what_it_lists() -> None:
    """`-e .` brings the dependencies of the project itself."""
    files = {
        "requirements.txt": "-e .",
        "pyproject.toml": '[project]\ndependencies = ["fastapi", "uvicorn"]',
    }

    plan = plan_of(files)

    assert () == plan.added_packages
    assert () == plan.rejected


def test_locks_that_disagree_are_told_with_their_versions() -> None:
    """The first one wins, and a person learns about what they disagree."""
    files = {"pyproject.toml": PROJECT, "uv.lock": UV_LOCK, "poetry.lock": POETRY_LOCK}

    plan = plan_of(files)

    assert "uv" == plan.package_manager
    reason = "uv.lock comes first; they disagree about fastapi (0.116.0 there, 0.115.0 here)"
    assert (Rejected(framework="poetry.lock", reason=reason),) == plan.rejected


@pytest.mark.parametrize(
    ("files", "path", "reason"),
    [
        (
            {"pyproject.toml": POETRY, "uv.lock": "", "poetry.lock": POETRY_LOCK},
            "uv.lock",
            "pyproject.toml has no [project] table, without which uv cannot use it",
        ),
        (
            {"poetry.lock": POETRY_LOCK, "requirements.txt": "fastapi"},
            "poetry.lock",
            "there is no pyproject.toml beside it that says what the project is",
        ),
        (
            {"pyproject.toml": PROJECT, "requirements.txt": "fastapi"},
            "pyproject.toml",
            "requirements.txt comes first",
        ),
        (
            {"Pipfile": PIPFILE, "Pipfile.lock": PIPFILE_LOCK, "requirements.txt": "fastapi"},
            "requirements.txt",
            "Pipfile.lock is more exact",
        ),
    ],
)
def test_file_that_is_not_used_is_told_with_its_reason(
    files: Mapping[str, str], path: str, reason: str
) -> None:
    """What a lock was made from is no other file; the rest is named."""
    assert (Rejected(framework=path, reason=reason),) == plan_of(files).rejected


@pytest.mark.parametrize(
    "path", ["pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile"]
)
def test_broken_toml_is_told_with_its_place(path: str) -> None:
    """The message names file, line and column."""
    files = {"pyproject.toml": PROJECT, path: "[project]\nname = = 1"}

    with pytest.raises(DetectionError, match=rf"{path} is not valid TOML: .*line 2, column 8"):
        plan_of(files)


def test_broken_json_is_told_with_its_place() -> None:
    """The lock file of Pipenv is JSON."""
    with pytest.raises(DetectionError, match=r"Pipfile.lock is not valid JSON: .*line 2, column 3"):
        plan_of({"Pipfile": PIPFILE, "Pipfile.lock": '{\n  default": 1}'})


def test_environment_of_conda_is_told() -> None:
    """It is known for what it is, and another way is named."""
    with pytest.raises(DetectionError, match=r"environment.yml: it is made for Conda"):
        plan_of({"environment.yml": "dependencies:\n  - fastapi"})


def test_lock_without_its_project_is_told_where_nothing_else_is_there() -> None:
    """A person learns why the lock file does not help."""
    with pytest.raises(DetectionError, match=r"poetry.lock: there is no pyproject.toml beside it"):
        plan_of({"poetry.lock": POETRY_LOCK})


def test_framework_that_is_not_listed_is_added() -> None:
    """What the code imports is needed, whether or not somebody has listed it."""
    plan = plan_of({"requirements.txt": "httpx"})

    assert ("fastapi", "uvicorn[standard]") == plan.added_packages
    reason = "fastapi is added: the code imports it, but it is not listed"
    assert Evidence(reason=reason) in plan.evidence


def test_framework_that_another_package_brings_is_not_added() -> None:
    """A package that has the framework in its name depends on it."""
    plan = plan_of({"requirements.txt": "fastapi-users\nuvicorn"})

    assert () == plan.added_packages
