"""The example applications are recognised for what they are."""

import re
from pathlib import Path

from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.detection import Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Origin, StaticSite, Step

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


def test_flask_example_is_started_as_its_procfile_says() -> None:
    """The server is named by the Procfile and pinned in the requirements."""
    plan = plan_of("flask")

    assert ("flask", "pip") == (plan.framework, plan.package_manager)
    assert Step(command="gunicorn tea:app", origin=Origin.PROCFILE) == plan.processes["web"]
    assert () == plan.added_packages
    assert ("TITLE",) == plan.env_names


def test_litestar_example_gets_a_server() -> None:
    """Without a lock what is listed is installed, and a server is added."""
    plan = plan_of("litestar")

    assert "litestar" == plan.framework
    assert ["uv pip install -r pyproject.toml", "uv pip install 'uvicorn[standard]'"] == [
        step.command for step in (plan.install, *plan.build) if step
    ]
    expected = "uvicorn app:app --host ${HOST:-0.0.0.0} --port $PORT"
    assert expected == plan.processes["web"].command


def test_django_example_collects_its_static_files() -> None:
    """What PDM has locked is installed, and manage.py is asked for the static files."""
    plan = plan_of("django")

    assert ("django", "pdm") == (plan.framework, plan.package_manager)
    collecting = Step(command="python manage.py collectstatic --noinput", origin=Origin.DETECTED)
    assert (collecting,) == plan.build
    expected = "gunicorn library.wsgi:application --bind ${HOST:-0.0.0.0}:$PORT"
    assert expected == plan.processes["web"].command


def test_streamlit_example_is_run_as_a_file() -> None:
    """The file is given to Streamlit with the address and the port that count."""
    plan = plan_of("streamlit")

    assert "streamlit" == plan.framework
    assert plan.processes["web"].command.startswith("streamlit run streamlit_app.py --server.")


def test_static_example_is_served_as_files() -> None:
    """Its 404 page is used."""
    plan = plan_of("static")

    assert StaticSite(directory=".", not_found="404.html") == plan.static


def test_each_example_is_described() -> None:
    """The list of examples and the directories are the same."""
    described = set(re.findall(r"^\| `([\w-]+)/`", (APPS / "README.md").read_text(), re.MULTILINE))

    assert {path.name for path in APPS.iterdir() if path.is_dir()} == described
