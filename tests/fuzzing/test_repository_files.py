"""What people write into their repositories: a plan that can be carried out, or a sentence."""

import json
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import nearly, nearly_json

from pushpaka_core.detection import MemoryTree, Wishes, detect, explain
from pushpaka_core.detection.procfile import read_procfile
from pushpaka_core.detection.repository_file.file import read_repository_file
from pushpaka_core.domain.build_plans import BuildPlan, Packaging
from pushpaka_core.errors import DetectionError

MOST_SECONDS = 1.0

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


def planned(files: Mapping[str, str], packaging: Packaging) -> BuildPlan | None:
    """Return the plan for *files*, the same each time, or None where a sentence says why not."""
    tree, wishes = MemoryTree(files), Wishes(packaging=packaging)
    plan = outcome(lambda: detect(tree, wishes), DetectionError, within=MOST_SECONDS)
    if isinstance(plan, Refusal):
        assert plan.reason
        return None
    assert plan == detect(tree, wishes)
    assert explain(plan)
    return plan


def require_carried_out(plan: BuildPlan | None) -> None:
    """Require that each command of a plan is one line, as what carries it out takes it."""
    if plan is not None:
        steps = [*filter(None, [plan.install]), *plan.build, *plan.processes.values()]
        assert [] == [step for step in steps if re.search(r"[\0\r\n]", step.command)]


@bounded
@given(nearly(PROCFILES))
def test_a_procfile_is_read_again_as_itself(text: str) -> None:
    """What is understood can be written down and means the same; else its line is named."""
    tree = MemoryTree({"Procfile": text})
    procfile = outcome(lambda: read_procfile(tree), DetectionError, within=MOST_SECONDS)
    if isinstance(procfile, Refusal):
        assert re.match(r"Line \d+ of the |The Procfile names no process", procfile.reason)
        return
    assert procfile
    written = "\n".join(f"{name}: {step.command}" for name, step in procfile.processes.items())
    again = read_procfile(MemoryTree({"Procfile": written}))
    assert again
    assert procfile.processes == again.processes


@bounded
@given(nearly(REPOSITORY_FILES))
def test_mistakes_in_a_repository_file_are_told_with_their_places(text: str) -> None:
    """Each mistake is at a line that there is; a file without any is one that plans are made by."""
    tree = MemoryTree({"pushpaka.toml": text})
    said = outcome(lambda: read_repository_file(tree), DetectionError, within=MOST_SECONDS)
    if isinstance(said, Refusal):
        places = [int(line) for line in re.findall(r"(?m)^Line (\d+), column \d+: ", said.reason)]
        assert places or "pushpaka.toml" in said.reason
        assert all(1 <= line <= text.count("\n") + 1 for line in places)
        return
    require_carried_out(planned({"pushpaka.toml": text, "index.html": ""}, Packaging.DIRECTORY))


@bounded
@given(nearly_json(MANIFESTS).map(json.dumps) | nearly([json.dumps(m) for m in MANIFESTS]))
def test_a_manifest_of_node_leads_to_a_plan_or_a_sentence(text: str) -> None:
    """Whatever was changed in it, nothing is run that is not one command."""
    files = {"package.json": text, "server.js": "", "apps/web/package.json": text}
    require_carried_out(planned(files, Packaging.DIRECTORY))


@bounded
@given(nearly(PROJECTS), st.sampled_from(Packaging))
def test_a_python_project_leads_to_a_plan_or_a_sentence(text: str, packaging: Packaging) -> None:
    """Whatever was changed in it, nothing is run that is not one command."""
    require_carried_out(planned({"pyproject.toml": text, "main.py": CODE}, packaging))
