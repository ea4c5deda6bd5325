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


def test_express_example_is_started_by_its_script() -> None:
    """What npm has locked is installed, and there is nothing to build."""
    plan = plan_of("express")

    assert ("express", "npm", ">=20") == (
        plan.framework,
        plan.package_manager,
        plan.language_version,
    )
    assert ("npm ci --include=dev", ()) == (plan.install and plan.install.command, plan.build)
    assert "npm run start" == plan.processes["web"].command
    assert ("GUESTBOOK_TITLE",) == plan.env_names


def test_nextjs_example_is_built_by_its_package_manager() -> None:
    """The server of Next.js is told where to listen."""
    plan = plan_of("nextjs")

    assert ("nextjs", "pnpm", "10.24.0") == (
        plan.framework,
        plan.package_manager,
        plan.package_manager_version,
    )
    assert ["pnpm run build"] == [step.command for step in plan.build]
    assert "next start -p $PORT -H ${HOST:-0.0.0.0}" == plan.processes["web"].command


def test_sveltekit_example_is_started_as_its_adapter_builds_it() -> None:
    """The adapter is read in its configuration."""
    plan = plan_of("sveltekit")

    assert "sveltekit" == plan.framework
    assert plan.processes["web"].command.endswith(" node build")
    assert ("SENDER",) == plan.env_names


def test_vite_example_is_one_page() -> None:
    """Every address is answered by its index.html."""
    plan = plan_of("vite-react")

    assert "vite" == plan.framework
    assert StaticSite(directory="dist", fallback="index.html") == plan.static
    assert ("VITE_TITLE",) == plan.env_names


def test_astro_example_is_files() -> None:
    """The start script is a development server, so it is not started."""
    plan = plan_of("astro")

    assert "astro" == plan.framework
    assert StaticSite(directory="dist", not_found="404.html") == plan.static
    assert ["script start"] == [one.framework for one in plan.rejected]


def test_workspace_example_is_its_one_application() -> None:
    """The package that it uses is built before it, where it lies."""
    plan = plan_of("pnpm-workspace")

    assert ("hono", "pnpm-workspace/apps/web") == (plan.framework, plan.directory)
    assert [
        "cd ../.. && pnpm install --frozen-lockfile --prod=false",
        "cd ../../packages/greeting && pnpm run build",
    ] == [step.command for step in (plan.install, *plan.build) if step]
    assert "pnpm run start" == plan.processes["web"].command


def test_only_application_of_the_uv_workspace_is_found() -> None:
    """The library beside it is none, and the lock file above it counts."""
    plan = plan_of("uv-workspace")

    assert ("falcon", "uv-workspace/apps/site") == (plan.framework, plan.directory)
    assert ("uv", ()) == (plan.package_manager, plan.added_packages)
    assert plan.processes["web"].command.startswith("gunicorn site_of_poems.wsgi:app ")


def test_static_example_is_served_as_files() -> None:
    """Its 404 page is used."""
    plan = plan_of("static")

    assert StaticSite(directory=".", not_found="404.html") == plan.static


def test_each_example_is_described() -> None:
    """The list of examples and the directories are the same."""
    described = set(re.findall(r"^\| `([\w-]+)/`", (APPS / "README.md").read_text(), re.MULTILINE))

    assert {path.name for path in APPS.iterdir() if path.is_dir()} == described
