"""Where in a repository the Python application is, and where its imports start."""

from collections.abc import Mapping

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence
from pushpaka_core.errors import DetectionError

UVICORN = "--host ${HOST:-0.0.0.0} --port $PORT"
APP = "from fastapi import FastAPI\napp = FastAPI()\n"
WORKSPACE = {
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["libs/*", "apps/*"]\nexclude = ["apps/old"]',
    "uv.lock": """
[[package]]
name = "api"
source = { editable = "apps/api" }
dependencies = [{ name = "fastapi" }, { name = "uvicorn" }]
[[package]]
name = "web"
source = { editable = "apps/web" }
dependencies = [{ name = "fastapi" }]
[[package]]
name = "fastapi"
[[package]]
name = "uvicorn"
""",
    "libs/lib/pyproject.toml": '[project]\nname = "lib"',
    "libs/lib/lib/__init__.py": "",
    "apps/api/pyproject.toml": '[project]\nname = "api"\ndependencies = ["fastapi"]',
    "apps/api/api/__init__.py": "",
    "apps/api/api/main.py": APP,
}


def plan_of(files: Mapping[str, str], root_dir: str = "") -> BuildPlan:
    return detect(MemoryTree(files), Wishes(root_dir=root_dir))


@pytest.mark.parametrize("root_dir", ["", "apps/api", "apps/api/"])
def test_member_of_a_workspace_is_installed_by_the_lock_of_the_whole(root_dir: str) -> None:
    """The only application is found, or named; the commands run in its directory."""
    plan = plan_of(WORKSPACE, root_dir)

    assert "apps/api" == plan.directory.rstrip("/")
    assert "uv sync --frozen --no-dev" == (plan.install.command if plan.install else "")
    assert f"uvicorn api.main:app {UVICORN}" == plan.processes["web"].command
    assert () == plan.added_packages
    reason = "it is a member of a workspace of uv, whose lock file is in the repository"
    assert Evidence(reason=reason, path="uv.lock") in plan.evidence


def test_other_members_dependencies_do_not_count() -> None:
    """A server of one member is not installed for another."""
    files = {
        **WORKSPACE,
        "apps/web/pyproject.toml": '[project]\nname = "web"\ndependencies = ["fastapi"]',
        "apps/web/web/main.py": APP,
    }

    assert ("uvicorn[standard]",) == plan_of(files, "apps/web").added_packages


def test_several_members_with_applications_are_told() -> None:
    """Nobody can know which one is meant."""
    files = {
        **WORKSPACE,
        "apps/web/pyproject.toml": '[project]\nname = "web"\ndependencies = ["fastapi"]',
        "apps/web/web/main.py": APP,
    }

    with pytest.raises(DetectionError, match="applications in apps/api, apps/web: set root_dir"):
        plan_of(files)


def test_directory_that_the_workspace_leaves_out_is_no_member() -> None:
    """It is installed by itself."""
    files = {**WORKSPACE, "apps/old/requirements.txt": "fastapi", "apps/old/main.py": APP}

    plan = plan_of(files, "apps/old")

    assert "pip" == plan.package_manager


def test_application_of_the_workspace_itself_comes_first() -> None:
    """Its members are then what it depends on."""
    files = {
        **WORKSPACE,
        "pyproject.toml": WORKSPACE["pyproject.toml"] + '\n[project]\nname = "shop"',
        "main.py": APP,
    }

    plan = plan_of(files)

    assert ("", f"uvicorn main:app {UVICORN}") == (plan.directory, plan.processes["web"].command)


@pytest.mark.parametrize("beside", [{}, {"README.md": ""}, {"docs/requirements.txt": "sphinx"}])
def test_only_directory_with_an_application_is_taken(beside: Mapping[str, str]) -> None:
    """A repository may hold nothing at its top."""
    plan = plan_of(
        {"backend/requirements.txt": "fastapi\nuvicorn", "backend/main.py": APP, **beside}
    )

    assert "backend" == plan.directory
    assert f"uvicorn main:app {UVICORN}" == plan.processes["web"].command
    reason = "backend/ holds the only application of the repository"
    assert Evidence(reason=reason) == plan.evidence[0]


@pytest.mark.parametrize("other", ["frontend/package.json", "worker/go.mod"])
def test_applications_of_several_languages_are_told(other: str) -> None:
    """Whether the front end is meant is not ours to say."""
    files = {"backend/requirements.txt": "fastapi", "backend/main.py": APP, other: "{}"}

    with pytest.raises(DetectionError, match=r"there are applications in backend, .*set root_dir"):
        plan_of(files)


def test_words_below_the_top_are_not_passed_over() -> None:
    """A pushpaka.toml is read where root_dir leads, so it is asked for."""
    settings = {"backend/pushpaka.toml": ""}
    files = {"backend/requirements.txt": "fastapi", "backend/main.py": APP, **settings}

    with pytest.raises(DetectionError, match="may be an application in backend: set root_dir"):
        plan_of(files)


def test_top_that_only_has_settings_of_tools_is_no_application() -> None:
    """A pyproject.toml with nothing but a linter's table says nothing about dependencies."""
    files = {
        "pyproject.toml": "[tool.ruff]\nline-length = 100",
        "api/requirements.txt": "fastapi",
        "api/main.py": APP,
    }

    assert "api" == plan_of(files).directory


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (
            {
                "app/__init__.py": "",
                "app/main.py": f"from routes import r\n{APP}",
                "app/routes.py": "",
            },
            "PYTHONPATH=app uvicorn main:app",
        ),
        (
            {"backend/app/main.py": f"from app.x import y\n{APP}", "backend/app/x.py": "y = 1"},
            "PYTHONPATH=backend uvicorn app.main:app",
        ),
        (
            {"src/app/main.py": f"from models import m\n{APP}", "src/app/models.py": "m = 1"},
            "PYTHONPATH=src/app uvicorn main:app",
        ),
        (
            {"src/app/main.py": f"from .models import m\n{APP}", "src/app/models.py": "m = 1"},
            "PYTHONPATH=src uvicorn app.main:app",
        ),
        (
            {"shop/api/main.py": f"from ..models import m\n{APP}", "shop/models.py": "m = 1"},
            "uvicorn shop.api.main:app",
        ),
    ],
)
def test_imports_start_where_most_of_them_are_found(files: Mapping[str, str], command: str) -> None:
    """The file's own imports tell from which directory its author runs it."""
    plan = plan_of({"requirements.txt": "fastapi\nuvicorn", **files})

    assert f"{command} {UVICORN}" == plan.processes["web"].command


def test_procfile_of_the_chosen_directory_counts() -> None:
    """It speaks for the application beside it, as if its directory had been named."""
    files = {
        "backend/requirements.txt": "fastapi\nuvicorn",
        "backend/main.py": APP,
        "backend/Procfile": "web: uvicorn main:app --port $PORT\nworker: python work.py",
    }

    chosen, named = plan_of(files), plan_of(files, "backend")

    assert {"web", "worker"} == set(chosen.processes)
    assert named.processes == chosen.processes
    assert ("backend", named.install) == (chosen.directory, chosen.install)
    reason = "backend/ holds the only application of the repository"
    assert Evidence(reason=reason) == chosen.evidence[0]


def test_directory_with_the_name_of_a_library_is_no_package() -> None:
    """An example of FastAPI may well lie in a directory that is called so."""
    files = {"fastapi/requirements.txt": "fastapi\nuvicorn", "fastapi/main.py": APP}

    assert f"uvicorn main:app {UVICORN}" == plan_of(files).processes["web"].command


def test_directory_that_is_a_package_is_imported_from_above() -> None:
    """Images copy it as a whole, so its modules import each other by its name."""
    files = {
        "app/requirements.txt": "fastapi\nuvicorn",
        "app/main.py": f"from app.routes import r\n{APP}",
        "app/routes.py": "r = 1",
    }

    plan = plan_of(files)

    assert f"PYTHONPATH=.. uvicorn app.main:app {UVICORN}" == plan.processes["web"].command
    assert "app" == plan.directory
