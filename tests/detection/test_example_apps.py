"""The example applications are recognised for what they are."""

import re
from pathlib import Path

from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection import Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, StaticSite

APPS = Path(__file__).parents[2] / "examples" / "apps"


def plan_of(name: str) -> BuildPlan:
    return detect(load_tree(APPS, name), Wishes(root_dir=name))


def test_fastapi_example_is_served_from_its_lock() -> None:
    """The application in its package is found, with the locked server."""
    plan = plan_of("fastapi")

    assert "fastapi" == plan.framework
    assert ">=3.11" == plan.language_version
    assert plan.install is not None
    assert "uv sync --frozen --no-dev" == plan.install.command
    expected = "uvicorn greeter.main:app --host ${HOST:-0.0.0.0} --port $PORT"
    assert expected == plan.processes["web"].command
    assert () == plan.added_packages
    assert ("GREETING",) == plan.env_names


def test_static_example_is_served_as_files() -> None:
    """Its 404 page is used."""
    plan = plan_of("static")

    assert StaticSite(directory=".", not_found="404.html") == plan.static


def test_each_example_is_described() -> None:
    """The list of examples and the directories are the same."""
    described = set(re.findall(r"^\| `(\w+)/`", (APPS / "README.md").read_text(), re.MULTILINE))

    assert {path.name for path in APPS.iterdir() if path.is_dir()} == described
