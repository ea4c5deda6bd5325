"""Mutated repository files lead to a valid plan or to a documented error."""

import json
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import mutated, mutated_json

from pushpaka_core.detection import BuildOverrides, MemoryTree, detect, explain
from pushpaka_core.detection.procfile import read_procfile
from pushpaka_core.detection.repository_file.file import read_repository_file
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging
from pushpaka_core.errors import DetectionError

PROCFILES = (
    "web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT\nworker: celery -A shop\nrelease: make tables\n",
    "# what runs\nweb : npm start\r\n\r\nclock: node clock.js # each minute\r\n",
)
REPOSITORY_FILES = (
    """\
framework = "django"
port = 8000
replicas = 2
watch_paths = ["src/**", "uv.lock"]

[commands]
install = ""
build = ["npm ci", '''npm run build''']
start = "gunicorn shop.wsgi"
release = "python manage.py migrate"

[processes]
worker = "celery -A shop worker"  # of orders

[docker]
file = "deploy/Dockerfile"
target = "release"
context = "../.."

[health_check]
path = "/health?deep=1"
timeout = 30

[resources]
cpu = 0.5
memory = 256

[env]
required = ["SECRET_KEY", "DATABASE_URL"]
""",
    'static = { directory = "dist", fallback = "index.html" }\ncommands.build = "make site"\n',
)
MANIFESTS: tuple[Any, ...] = (
    {
        "name": "shop",
        "packageManager": "pnpm@9.1.0",
        "engines": {"node": ">=20 <23"},
        "scripts": {"build": "next build", "start": "next start -p $PORT", "postinstall": "x"},
        "dependencies": {"next": "^15.0.0", "react": "19"},
    },
    {
        "workspaces": ["apps/*", "!apps/old"],
        "scripts": {"build": "turbo run build", "start": "npm run start -w apps/web"},
        "devDependencies": {"turbo": "2"},
    },
    {"main": "server.js", "dependencies": {"express": "4"}, "volta": {"node": "20.1.0"}},
)
PROJECTS = (
    """\
[project]
name = "shop"
requires-python = ">=3.11,<3.14"
dependencies = ["fastapi[standard]>=0.115", "uvicorn ; python_version > '3.8'"]
scripts = { shop = "shop.main:run" }

[dependency-groups]
test = ["pytest", { include-group = "lint" }]
lint = ["ruff"]

[tool.uv]
package = true

[tool.uv.workspace]
members = ["packages/*"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
""",
    '[tool.poetry]\nname = "shop"\n\n[tool.poetry.dependencies]\npython = "^3.11"\nflask = "*"\n',
)
CODE = "from fastapi import FastAPI\napp = FastAPI()\n"


def plan_or_none(files: Mapping[str, str], packaging: Packaging) -> BuildPlan | None:
    """Return the plan for *files*, or None if they are refused."""
    tree, overrides = MemoryTree(files), BuildOverrides(packaging=packaging)
    plan = outcome(lambda: detect(tree, overrides), DetectionError)
    if isinstance(plan, Refusal):
        assert plan.reason
        return None
    assert plan == detect(tree, overrides)
    assert explain(plan)
    return plan


def require_one_line_commands(plan: BuildPlan | None) -> None:
    """Require that each command of *plan* is a single line."""
    if plan is not None:
        steps = [*filter(None, [plan.install]), *plan.build, *plan.processes.values()]
        assert [] == [step for step in steps if re.search(r"[\0\r\n]", step.command)]


@bounded
@given(mutated(PROCFILES))
def test_a_procfile_survives_a_round_trip(text: str) -> None:
    """If a Procfile is refused, the error names a line, or says that no process is declared."""
    tree = MemoryTree({"Procfile": text})
    procfile = outcome(lambda: read_procfile(tree), DetectionError)
    if isinstance(procfile, Refusal):
        assert re.match(r"Line \d+ of the |The Procfile declares no process", procfile.reason)
        return
    assert procfile
    written = "\n".join(f"{name}: {step.command}" for name, step in procfile.processes.items())
    again = read_procfile(MemoryTree({"Procfile": written}))
    assert again
    assert procfile.processes == again.processes


@bounded
@given(mutated(REPOSITORY_FILES))
def test_errors_in_pushpaka_toml_have_a_position(text: str) -> None:
    tree = MemoryTree({"pushpaka.toml": text})
    result = outcome(lambda: read_repository_file(tree), DetectionError)
    if isinstance(result, Refusal):
        places = [int(line) for line in re.findall(r"(?m)^Line (\d+), column \d+: ", result.reason)]
        assert places or "pushpaka.toml" in result.reason
        assert all(1 <= line <= text.count("\n") + 1 for line in places)
        return
    require_one_line_commands(
        plan_or_none({"pushpaka.toml": text, "index.html": ""}, Packaging.DIRECTORY)
    )


@bounded
@given(mutated_json(MANIFESTS).map(json.dumps) | mutated([json.dumps(m) for m in MANIFESTS]))
def test_a_changed_package_json_has_a_plan_or_an_error(text: str) -> None:
    files = {"package.json": text, "server.js": "", "apps/web/package.json": text}
    require_one_line_commands(plan_or_none(files, Packaging.DIRECTORY))


@bounded
@given(mutated(PROJECTS), st.sampled_from(Packaging))
def test_a_changed_pyproject_toml_has_a_plan_or_an_error(text: str, packaging: Packaging) -> None:
    require_one_line_commands(plan_or_none({"pyproject.toml": text, "main.py": CODE}, packaging))
