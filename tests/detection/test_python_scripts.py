"""Files that are run, scripts that a project installs, and servers that know how to do it."""

from collections.abc import Mapping

import pytest

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Evidence

HOST = "${HOST:-0.0.0.0}"
STREAMLIT = f"--server.address {HOST} --server.port $PORT --server.headless true"
GUNICORN = f"--bind {HOST}:$PORT"
AIOHTTP = "from aiohttp import web\n"
WORKER = f"--worker-class aiohttp.GunicornWebWorker {GUNICORN}"
BUILT = '[project]\nname = "shop"\n[build-system]\n[tool.setuptools]\npackages = ["shop"]\n'


def plan_of(files: Mapping[str, str]) -> BuildPlan:
    return detect(MemoryTree(files), Wishes())


def web_of(files: Mapping[str, str]) -> str:
    return plan_of(files).processes["web"].command


@pytest.mark.parametrize(
    ("paths", "taken"),
    [
        (("app.py", "streamlit_app.py"), "streamlit_app.py"),
        (("Home.py", "helper.py", "pages/app.py"), "Home.py"),
        (("dashboard.py", "pages/1_📈_Chart.py"), "dashboard.py"),
        (("🏠_Home page.py", "pages/app.py"), "'🏠_Home page.py'"),
        (("src/ui/view.py", "lib/pages/x.py", "lib/start.py"), "lib/start.py"),
    ],
)
def test_streamlit_runs_the_page_that_all_begins_with(paths: tuple[str, ...], taken: str) -> None:
    """Its name, and the directory of further pages beside it, tell it from the others."""
    files = dict.fromkeys(paths, "import streamlit as st")

    command = web_of({**files, "requirements.txt": "streamlit"})

    assert f"streamlit run {taken} {STREAMLIT}" == command


def test_streamlit_file_that_others_import_is_not_run() -> None:
    """What is imported is a part."""
    files = {
        "requirements.txt": "streamlit",
        "alpha.py": "import streamlit",
        "beta.py": "import streamlit\nfrom alpha import x",
    }

    assert f"streamlit run beta.py {STREAMLIT}" == web_of(files)


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ("chainlit", f"chainlit run demo.py --host {HOST} --port $PORT --headless"),
        ("gradio", f"GRADIO_SERVER_NAME={HOST} GRADIO_SERVER_PORT=$PORT python demo.py"),
        ("shiny", f"shiny run demo.py --host {HOST} --port $PORT"),
        ("marimo", f"marimo run demo.py --host {HOST} --port $PORT --headless --no-token"),
        ("nicegui", "python demo.py"),
    ],
)
def test_file_of_a_framework_for_pages_is_run_whatever_its_name(package: str, command: str) -> None:
    """A file that imports it can be nothing else."""
    files = {"requirements.txt": package, "demo.py": f"import {package}"}

    assert command == web_of(files)


def test_framework_that_nobody_lists_is_recognised_in_a_file_with_a_usual_name() -> None:
    """Spaces of models leave their framework out of the requirements."""
    plan = plan_of({"requirements.txt": "numpy", "app.py": "import gradio as gr"})

    assert ("gradio", ("gradio",)) == (plan.framework, plan.added_packages)


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("app = web.Application()", f"gunicorn main:app {WORKER}"),
        (
            "def create_app():\n    app = web.Application()\n    return app",
            f"gunicorn 'main:create_app()' {WORKER}",
        ),
        (
            "async def init_app():\n    return web.Application()",
            f"gunicorn main:init_app {WORKER}",
        ),
        ("app = web.Application()\nweb.run_app(app, port=int(environ['PORT']))", "python main.py"),
        ("def main():\n    web.run_app(web.Application())", "python main.py"),
    ],
)
def test_aiohttp_is_run_by_its_main_where_that_listens_on_port(source: str, command: str) -> None:
    """Where it does not, gunicorn can serve what it makes."""
    assert command == web_of({"requirements.txt": "aiohttp", "main.py": AIOHTTP + source})


def test_bottle_without_an_object_is_served_by_its_own_program() -> None:
    """Routes at the module's top belong to an application that nobody names."""
    source = "from bottle import route, run\n@route('/')\ndef index(): ...\nrun(port=8080)"

    plan = plan_of({"requirements.txt": "bottle", "main.py": source})

    command = f"python -m bottle --server gunicorn --bind {HOST}:$PORT main"
    assert command == plan.processes["web"].command
    assert ("gunicorn",) == plan.added_packages


@pytest.mark.parametrize(
    ("source", "command", "added"),
    [
        (
            "import dash\napp = dash.Dash()\nserver = app.server",
            f"gunicorn main:server {GUNICORN}",
            "gunicorn",
        ),
        (
            "from dash import Dash\napp = Dash()",
            f"waitress-serve --host={HOST} --port=$PORT main:app.server",
            "waitress",
        ),
    ],
)
def test_dash_is_served_by_its_inner_server(source: str, command: str, added: str) -> None:
    """Where no variable holds it, a server is taken that finds it by itself."""
    plan = plan_of({"requirements.txt": "dash", "main.py": source})

    assert ("dash", command) == (plan.framework, plan.processes["web"].command)
    assert (added,) == plan.added_packages
    assert () == plan.rejected


def test_star_import_and_pair_of_fasthtml_are_understood() -> None:
    """Its documentation begins every application so."""
    source = "from fasthtml.common import *\napp, rt = fast_app()\nserve()"

    plan = plan_of({"requirements.txt": "python-fasthtml", "main.py": source})

    assert f"uvicorn main:app --host {HOST} --port $PORT" == plan.processes["web"].command
    assert () == plan.added_packages


@pytest.mark.parametrize(
    ("packages", "options"),
    [
        ("flask-socketio\ngunicorn", " --threads 100"),
        ("flask-socketio\ngunicorn\neventlet", " --worker-class eventlet"),
        ("flask\ngunicorn", ""),
    ],
)
def test_gunicorn_gets_workers_that_can_hold_websockets(packages: str, options: str) -> None:
    """One sync worker would serve one connection."""
    source = "from flask import Flask\napp = Flask('x')"

    command = web_of({"requirements.txt": packages, "main.py": source})

    assert f"gunicorn main:app {GUNICORN}{options}" == command


def test_flask_that_runs_as_it_is_imported_is_told_not_to() -> None:
    """Its own development server would never let the import end."""
    source = "from flask import Flask\napp = Flask('x')\napp.run(debug=True)"

    command = web_of({"requirements.txt": "flask\ngunicorn", "main.py": source})

    assert f"FLASK_RUN_FROM_CLI=true gunicorn main:app {GUNICORN}" == command


def test_application_that_runs_as_it_is_imported_is_run() -> None:
    """No other server could import it."""
    source = "import uvicorn\nfrom fastapi import FastAPI\napp = FastAPI()\nuvicorn.run(app)"

    assert "python main.py" == web_of({"requirements.txt": "fastapi", "main.py": source})


def test_entry_module_that_imports_the_application_is_served() -> None:
    """What wsgi.py does beside importing it matters too."""
    files = {
        "requirements.txt": "flask\ngunicorn",
        "shop/__init__.py": "",
        "shop/core.py": "from flask import Flask\napp = Flask('x')",
        "wsgi.py": "from shop.core import app as application\nimport shop.routes",
    }

    assert f"gunicorn wsgi:application {GUNICORN}" == web_of(files)


@pytest.mark.parametrize(
    ("scripts", "taken"),
    [
        ('shop = "shop:main"', "shop"),
        ('admin = "shop:admin"\nshop = "shop:main"', "shop"),
        ('shop = "shop:main"\nserve = "shop:serve"', "serve"),
    ],
)
def test_script_of_an_installed_project_is_started(scripts: str, taken: str) -> None:
    """It comes before a plain file; the usual name and the project's own are preferred."""
    files = {"pyproject.toml": f"{BUILT}[project.scripts]\n{scripts}", "main.py": "print(1)"}

    assert taken == web_of(files)


def test_script_of_a_project_that_is_not_installed_is_not_there() -> None:
    """Without a build system nothing makes it."""
    text = '[project]\nname = "shop"\n[project.scripts]\nshop = "shop:main"'

    assert "python main.py" == web_of({"pyproject.toml": text, "main.py": "print(1)"})


def test_package_that_can_be_run_is_run() -> None:
    """Its __main__.py is what `python -m` starts."""
    files = {"requirements.txt": "", "shop/__init__.py": "", "shop/__main__.py": "print(1)"}

    assert "python -m shop" == web_of(files)


def test_program_that_does_not_speak_of_port_is_told() -> None:
    """It can hardly listen where it has to."""
    deaf = plan_of({"main.py": "print(1)"})
    fine = plan_of({"main.py": "import os\nprint(os.environ['PORT'])"})

    note = Evidence(reason="nothing in the code says PORT, and that is where it has to listen")
    assert (True, False) == (note in deaf.evidence, note in fine.evidence)


def test_script_beside_an_application_is_told() -> None:
    """Both may be meant, and the owner learns how to have the other one."""
    files = {
        "requirements.txt": "fastapi\nuvicorn\nstreamlit",
        "main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
        "app.py": "import streamlit as st\nst.title('x')\n",
    }

    plan = detect(MemoryTree(files), Wishes())

    reason = "app.py could be run, but `app` in main.py comes first: set framework to streamlit for"
    assert [f"{reason} it"] == [one.reason for one in plan.rejected]
