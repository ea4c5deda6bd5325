"""Tests the location of a Python application in its repository, and the root of its imports."""

import pytest
from tests.detection.plans import Case, case, plan_of

from pushpaka_core.detection import BuildOverrides
from pushpaka_core.errors import DetectionError

UVICORN = "--host ${HOST:-0.0.0.0} --port $PORT"
APP = "from fastapi import FastAPI\napp = FastAPI()\n"
BROUGHT = {"requirements.txt": "fastapi\nuvicorn"}
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
TWO_MEMBERS = {
    **WORKSPACE,
    "apps/web/pyproject.toml": '[project]\nname = "web"\ndependencies = ["fastapi"]',
    "apps/web/web/main.py": APP,
}
BACKEND = {"backend/requirements.txt": "fastapi\nuvicorn", "backend/main.py": APP}
PROCFILE = {"backend/Procfile": "web: uvicorn main:app --port $PORT\nworker: python pipeline.py"}
MEMBER = "the project is a member of a uv workspace with this lock file"
ONLY = "backend/ contains the only application in the repository"

CASES: dict[str, Case] = {
    **{
        f"a member of a uv workspace, root_dir {root_dir!r}": case(
            WORKSPACE,
            BuildOverrides(root_dir=root_dir),
            directory="apps/api",
            install="uv sync --frozen --no-dev",
            web=f"uvicorn api.main:app {UVICORN}",
            added=(),
            reasons=[f"{MEMBER} (uv.lock)"],
        )
        for root_dir in ("", "apps/api", "apps/api/")
    },
    "a server of another member is not installed": case(
        TWO_MEMBERS, BuildOverrides(root_dir="apps/web"), added=("uvicorn[standard]",)
    ),
    "an excluded directory is no member": case(
        {**WORKSPACE, "apps/old/requirements.txt": "fastapi", "apps/old/main.py": APP},
        BuildOverrides(root_dir="apps/old"),
        manager="pip",
    ),
    "the application of the workspace itself comes first": case(
        {
            **WORKSPACE,
            "pyproject.toml": WORKSPACE["pyproject.toml"] + '\n[project]\nname = "shop"',
            "main.py": APP,
        },
        directory="",
        web=f"uvicorn main:app {UVICORN}",
    ),
    **{
        f"the only directory with an application, beside {', '.join(beside)}": case(
            {**BACKEND, **beside},
            directory="backend",
            web=f"uvicorn main:app {UVICORN}",
            reasons=[ONLY],
        )
        for beside in ({}, {"README.md": ""}, {"docs/requirements.txt": "sphinx"})
    },
    **{
        f"its Procfile counts, root_dir {root_dir!r}": case(
            {**BACKEND, **PROCFILE},
            BuildOverrides(root_dir=root_dir),
            directory="backend",
            install="uv pip install -r requirements.txt",
            processes={"web": "uvicorn main:app --port $PORT", "worker": "python pipeline.py"},
            reasons=reasons,
        )
        for root_dir, reasons in (("", [ONLY]), ("backend", []))
    },
    "a pyproject.toml with settings of tools is no application": case(
        {
            "pyproject.toml": "[tool.ruff]\nline-length = 100",
            "api/requirements.txt": "fastapi",
            "api/main.py": APP,
        },
        directory="api",
    ),
    "app/ is on the path for `from routes`": case(
        {
            **BROUGHT,
            "app/__init__.py": "",
            "app/main.py": f"from routes import r\n{APP}",
            "app/routes.py": "",
        },
        web=f"PYTHONPATH=app uvicorn main:app {UVICORN}",
    ),
    "backend/ is on the path for `from app.x`": case(
        {
            **BROUGHT,
            "backend/app/main.py": f"from app.x import y\n{APP}",
            "backend/app/x.py": "y = 1",
        },
        web=f"PYTHONPATH=backend uvicorn app.main:app {UVICORN}",
    ),
    "src/app/ is on the path for `from models`": case(
        {
            **BROUGHT,
            "src/app/main.py": f"from models import m\n{APP}",
            "src/app/models.py": "m = 1",
        },
        web=f"PYTHONPATH=src/app uvicorn main:app {UVICORN}",
    ),
    "src/ is on the path for `from .models`": case(
        {
            **BROUGHT,
            "src/app/main.py": f"from .models import m\n{APP}",
            "src/app/models.py": "m = 1",
        },
        web=f"PYTHONPATH=src uvicorn app.main:app {UVICORN}",
    ),
    "the repository is on the path for `from ..models`": case(
        {
            **BROUGHT,
            "shop/api/main.py": f"from ..models import m\n{APP}",
            "shop/models.py": "m = 1",
        },
        web=f"uvicorn shop.api.main:app {UVICORN}",
    ),
    "a directory named as a library is no package": case(
        {"fastapi/requirements.txt": "fastapi\nuvicorn", "fastapi/main.py": APP},
        web=f"uvicorn main:app {UVICORN}",
    ),
    "a directory that its modules import is a package": case(
        {
            "app/requirements.txt": "fastapi\nuvicorn",
            "app/main.py": f"from app.routes import r\n{APP}",
            "app/routes.py": "r = 1",
        },
        directory="app",
        web=f"PYTHONPATH=.. uvicorn app.main:app {UVICORN}",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plan_is_as_expected(case: Case) -> None:
    assert case.expected == case.actual()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (TWO_MEMBERS, "applications in apps/api, apps/web. Set root_dir"),
        *(
            ({**BACKEND, other: "{}"}, r"there are applications in backend, .*Set root_dir")
            for other in ("frontend/package.json", "worker/go.mod")
        ),
        (
            {**BACKEND, "backend/pushpaka.toml": ""},
            "may be an application in backend. Set root_dir",
        ),
    ],
)
def test_ambiguous_application_is_not_guessed(files: dict[str, str], message: str) -> None:
    with pytest.raises(DetectionError, match=message):
        plan_of(files)
